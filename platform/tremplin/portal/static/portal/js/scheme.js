// Runs before the first paint: marks that scripts work and applies the device's colour scheme
// when the person chose "auto".
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    if (root.dataset.scheme === "auto") root.classList.toggle("dark", dark.matches);
  };
  apply();
  dark.addEventListener("change", apply);
})();
