// Countdown of a visit of support. The server says how many seconds are left and ends the visit by
// itself: this only counts them down, on a clock that the computer's date does not move.
(() => {
  "use strict";
  const banner = document.querySelector("[data-support-seconds]");
  const left = banner?.querySelector("[data-support-left]");
  const said = banner?.querySelector("[data-support-said]");
  if (!banner || !left) return;
  const began = performance.now();
  const total = Number(banner.dataset.supportSeconds);
  const announced = new Set();

  function tick() {
    const seconds = Math.max(0, Math.ceil(total - (performance.now() - began) / 1000));
    const pad = (number) => String(number).padStart(2, "0");
    left.textContent = `${pad(Math.floor(seconds / 60))}:${pad(seconds % 60)}`;
    for (const [limit, text] of [[300, said?.dataset.five], [60, said?.dataset.one]]) {
      if (seconds <= limit && seconds > limit - 60 && total > limit && !announced.has(limit)) {
        announced.add(limit);
        if (said && text) said.textContent = text;
      }
    }
    if (seconds === 0) {
      clearInterval(timer);
      // The server decides: it answers with the page that says that the visit is over.
      setTimeout(() => location.reload(), 1000);
    }
  }
  const timer = setInterval(tick, 1000);
  tick();
})();
