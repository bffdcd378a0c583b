// Behaviour of the layouts and components. Everything is delegated from the document, so fragments
// swapped in later work without being initialised. Pages stay readable and usable without it.
(() => {
  "use strict";
  const wide = matchMedia("(width >= 64rem)");
  const find = (id) => (id ? document.getElementById(id) : null);

  // --- drawer ---------------------------------------------------------------------------------
  const sidebar = find("shell-sidebar");
  const main = find("shell-main");
  let opener = null;

  function drawer(open) {
    if (!sidebar || !main) return;
    sidebar.toggleAttribute("data-open", open);
    // `inert` keeps focus and screen readers inside the drawer: no hand-written focus trap.
    main.inert = open;
    document.body.classList.toggle("overflow-hidden", open);
    for (const button of document.querySelectorAll("[data-drawer-open]")) {
      button.setAttribute("aria-expanded", String(open));
    }
    if (open) {
      sidebar.querySelector("[data-drawer-close]")?.focus();
    } else {
      opener?.focus();
      opener = null;
    }
  }
  wide.addEventListener("change", () => {
    if (sidebar?.hasAttribute("data-open")) drawer(false);
  });

  // --- menus (details) ------------------------------------------------------------------------
  function closeMenus(except) {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (menu !== except) menu.open = false;
    }
  }

  // --- dialogs --------------------------------------------------------------------------------
  function openDialog(id) {
    const dialog = find(id);
    if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
  }

  // --- copy -----------------------------------------------------------------------------------
  async function copy(button) {
    const source = find(button.dataset.copy);
    if (!source) return;
    const text = "value" in source ? source.value : source.textContent.trim();
    const said = find(button.dataset.copyStatus);
    try {
      await navigator.clipboard.writeText(text);
      if (said) said.textContent = button.dataset.copyDone ?? "";
    } catch {
      // Refused or insecure origin: select the text so that the keyboard shortcut works.
      const range = document.createRange();
      if ("select" in source) source.select();
      else {
        range.selectNodeContents(source);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
      }
      if (said) said.textContent = button.dataset.copyFailed ?? "";
    }
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    const open = target.closest("[data-drawer-open]");
    if (open) {
      opener = open;
      drawer(true);
      return;
    }
    if (target.closest("[data-drawer-close]")) {
      drawer(false);
      return;
    }
    const dialogOpener = target.closest("[data-dialog-open]");
    if (dialogOpener) {
      event.preventDefault();
      openDialog(dialogOpener.dataset.dialogOpen);
      return;
    }
    const dialogCloser = target.closest("[data-dialog-close]");
    if (dialogCloser) {
      event.preventDefault();
      dialogCloser.closest("dialog")?.close();
      return;
    }
    if (target instanceof HTMLDialogElement && target.matches(".modal") && !target.hasAttribute("data-keep")) {
      const box = target.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside) target.close();
      return;
    }
    const copyButton = target.closest("[data-copy]");
    if (copyButton) {
      copy(copyButton);
      return;
    }
    const menu = target.closest("details.menu");
    closeMenus(menu);
    if (menu && target.closest(".menu-panel :is(a, button)")) menu.open = false;
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (sidebar?.hasAttribute("data-open")) {
        drawer(false);
        return;
      }
      const menu = document.querySelector("details.menu[open]");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary")?.focus();
      }
      return;
    }
    const panel = event.target instanceof Element ? event.target.closest("details.menu[open]") : null;
    if (panel && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const items = [...panel.querySelectorAll(".menu-panel :is(a, button)")];
      if (!items.length) return;
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const here = items.indexOf(document.activeElement);
      items[(here + step + items.length) % items.length].focus();
    }
  });

  // --- forms ----------------------------------------------------------------------------------
  function fileNames(input) {
    const label = input.closest(".file-field")?.querySelector(".file-name");
    if (!label) return;
    label.dataset.empty ??= label.textContent;
    const names = [...input.files].map((file) => file.name);
    label.textContent = names.length ? names.join(", ") : label.dataset.empty;
  }

  function colour(input) {
    const field = input.closest(".colour-field");
    const text = field?.querySelector("input:not([type=color])");
    const picker = field?.querySelector("input[type=color]");
    if (!text || !picker) return;
    if (input === picker) {
      text.value = picker.value;
      text.dispatchEvent(new Event("change", { bubbles: true }));
    } else if (/^#[0-9a-f]{6}$/i.test(text.value)) {
      picker.value = text.value.toLowerCase();
    }
  }

  document.addEventListener("input", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.closest(".colour-field")) colour(event.target);
  });
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLElement)) return;
    if (field.matches("input[type=file]")) fileNames(field);
    if (field.matches("[data-autosubmit]")) field.form?.requestSubmit();
    if (field.matches("[data-check-all]")) {
      for (const box of document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(field.dataset.checkAll)}"]`)) {
        if (!box.disabled) box.checked = field.checked;
      }
    }
  });

  // A second press on a submit button must not send the form twice; htmx forms guard themselves.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // A submit that a page's own script holds back was not sent.
    if (event.defaultPrevented || !(form instanceof HTMLFormElement)) return;
    if (form.hasAttribute("hx-post") || form.method === "dialog") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (form.method === "post") {
      form.dataset.sent = "1";
      setTimeout(() => delete form.dataset.sent, 4000);
    }
  });

  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const zone = event.target instanceof Element ? event.target.closest(".file-field") : null;
      const input = zone?.querySelector("input[type=file]");
      if (!zone || !input || input.disabled) return;
      event.preventDefault();
      zone.toggleAttribute("data-over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer?.files.length) {
        input.files = event.dataTransfer.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
      }
    });
  }

  // On a phone the tabs scroll sideways: the current one is brought into sight.
  const showTab = () => {
    for (const tabs of document.querySelectorAll(".tab-links")) {
      const now = tabs.querySelector("[aria-current]");
      if (now) tabs.scrollLeft = now.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - now.offsetWidth) / 2;
    }
  };
  showTab();
  document.fonts?.ready.then(showTab);

  // A dialog rendered with `data-open-now` (a form that came back with errors) opens at once.
  const openNow = (root) => {
    for (const dialog of root.querySelectorAll("dialog[data-open-now]")) openDialog(dialog.id);
  };
  openNow(document);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target instanceof Element) openNow(event.target);
  });
})();
