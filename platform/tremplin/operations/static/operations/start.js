// Proposes the address of a space from its name, and never over one that was typed.
(() => {
  const name = document.getElementById("id_name");
  const address = () => document.getElementById("id_slug");
  let isTyped = Boolean(address()?.value);
  document.addEventListener("input", (event) => {
    if (event.target.id === "id_slug") isTyped = event.target.value !== "";
  });
  // The answer may come after the person has typed an address of her own.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "slug-field" && isTyped) event.detail.shouldSwap = false;
  });
  // A name that was there before the scripts were ready gets its proposal too.
  document.addEventListener("DOMContentLoaded", () => {
    if (name?.value && !isTyped) name.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
