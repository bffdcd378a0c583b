// The viewer of pictures: a link opens its picture in a dialog, with the others one step away.
// Without it the link shows the picture alone. The arrow keys step, Escape closes.
(() => {
  "use strict";
  const links = [...document.querySelectorAll("a[data-gallery]")];
  const dialog = document.getElementById(links[0]?.dataset.gallery ?? "");
  if (!(dialog instanceof HTMLDialogElement)) return;
  const image = dialog.querySelector("[data-gallery-image]");
  const text = dialog.querySelector("[data-gallery-text]");
  const count = dialog.querySelector("[data-gallery-count]");
  let here = 0;

  function show(index) {
    here = (index + links.length) % links.length;
    const link = links[here];
    image.src = link.href;
    image.alt = link.dataset.text;
    text.textContent = link.dataset.text;
    count.textContent = `${here + 1} / ${links.length}`;
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const link = target?.closest("a[data-gallery]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      show(links.indexOf(link));
      dialog.showModal();
      return;
    }
    const step = target?.closest("[data-gallery-step]");
    if (step) show(here + Number(step.dataset.galleryStep));
  });

  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(here - 1);
    else if (event.key === "ArrowRight") show(here + 1);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => links[here]?.focus());
})();
