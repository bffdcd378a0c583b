// Sends the one form that only carries an answer from one site to the other.
const form = document.querySelector("form[data-go-on]");
if (form) form.requestSubmit();
