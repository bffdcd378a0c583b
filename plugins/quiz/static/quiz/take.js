// Taking a quiz: every answer is saved as it is given; what cannot be sent is kept on this device
// and sent when the network is back. The page works without this script: its buttons post the form.
(() => {
  "use strict";

  const form = document.getElementById("quiz-form");
  const timeout = document.getElementById("quiz-timeout");
  let leaving = false;

  function startTimer(source, onEnd) {
    const total = Number(source.dataset.remaining);
    if (source.dataset.remaining === undefined || Number.isNaN(total)) return;
    const shown = document.querySelector("[data-timer]");
    const announce = document.querySelector("[data-timer-announce]");
    const began = performance.now();
    const warnings = [[300, source.dataset.textFive], [60, source.dataset.textOne]].filter(([at]) => at < total);
    const tick = () => {
      const left = Math.max(0, Math.ceil(total - (performance.now() - began) / 1000));
      const hours = Math.floor(left / 3600);
      const parts = [Math.floor((left % 3600) / 60), left % 60].map((part) => String(part).padStart(2, "0"));
      if (shown) shown.textContent = (hours ? `${hours}:` : "") + parts.join(":");
      while (warnings.length && left <= warnings[0][0]) announce.textContent = warnings.shift()[1];
      if (left > 0) return;
      clearInterval(clock);
      if (announce) announce.textContent = source.dataset.textOver;
      onEnd();
    };
    const clock = setInterval(tick, 1000);
    tick();
  }

  if (!form) {
    if (timeout) startTimer(timeout, () => timeout.requestSubmit());
    return;
  }

  const storageKey = `quiz:${form.dataset.quiz}`;
  const state = form.querySelector("[data-save-state]");
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const questions = new Map();
  form.querySelectorAll("[data-question]").forEach((element) => questions.set(element.dataset.position, element));
  let queue = readQueue();
  let sending = null;
  let wait = 2000;
  let retry = 0;

  function readQueue() {
    try {
      return JSON.parse(sessionStorage.getItem(storageKey)) || {};
    } catch {
      return {};
    }
  }

  function keepQueue() {
    try {
      if (Object.keys(queue).length) sessionStorage.setItem(storageKey, JSON.stringify(queue));
      else sessionStorage.removeItem(storageKey);
    } catch {
      // Private windows may refuse storage: the queue then lives as long as the page.
    }
  }

  function say(text, kind = "") {
    state.textContent = text;
    state.dataset.kind = kind;
  }

  function fieldsOf(question) {
    const prefix = `a${question.dataset.position}`;
    return [...new FormData(form).entries()].filter(([name]) => name === prefix || name.startsWith(`${prefix}.`));
  }

  function restore(question, fields) {
    const values = new Map();
    fields.forEach(([name, value]) => values.set(name, [...(values.get(name) || []), value]));
    const list = question.querySelector("[data-order]");
    if (list) {
      const keys = values.get(`a${question.dataset.position}`) || [];
      keys.forEach((key) => {
        const item = [...list.children].find((child) => child.querySelector("input").value === key);
        if (item) list.append(item);
      });
      question.querySelector("[data-order-touched]").value = "1";
      renumber(list);
      return;
    }
    question.querySelectorAll("input, select, textarea").forEach((input) => {
      if (input.name === "shown") return;
      const given = values.get(input.name) || [];
      if (input.type === "radio" || input.type === "checkbox") input.checked = given.includes(input.value);
      else input.value = given[0] || "";
    });
  }

  function enqueue(question) {
    const revision = Number(question.dataset.revision) + 1;
    question.dataset.revision = String(revision);
    queue[question.dataset.position] = { revision, fields: fieldsOf(question) };
    keepQueue();
    say(form.dataset.textSaving);
    flush();
  }

  async function send(position) {
    const entry = queue[position];
    const body = new URLSearchParams(entry.fields);
    body.set("position", position);
    body.set("revision", String(entry.revision));
    let response;
    try {
      response = await fetch(form.dataset.saveUrl, {
        method: "POST",
        body,
        headers: { "X-CSRFToken": token, "HX-Request": "true", Accept: "application/json" },
        redirect: "manual",
        signal: AbortSignal.timeout(10000),
      });
    } catch {
      say(form.dataset.textOffline, "offline");
      return false;
    }
    const json = (response.headers.get("Content-Type") || "").includes("json");
    if (!json) {
      // A sign-in page, a proxy error or a server being restarted: keep the answer and try again.
      const signedOut = response.type === "opaqueredirect" || [401, 403].includes(response.status) || response.headers.has("HX-Redirect");
      say(signedOut ? form.dataset.textLogin : form.dataset.textOffline, "offline");
      return false;
    }
    const answer = await response.json();
    if (queue[position] === entry) delete queue[position];
    keepQueue();
    const question = questions.get(position);
    if (answer.outcome === "stale") {
      if (question) question.dataset.revision = String(Math.max(Number(question.dataset.revision), answer.revision));
      say(form.dataset.textConflict, "conflict");
    } else if (!response.ok) {
      say(answer.detail || form.dataset.textRefused, "refused");
    } else {
      mark(position, answer.answered);
      if (!Object.keys(queue).length) say(form.dataset.textSaved, "saved");
    }
    return true;
  }

  function mark(position, answered) {
    const button = form.querySelector(`[data-palette="${CSS.escape(position)}"]`);
    if (!button) return;
    if (button.dataset.variant !== "primary") button.dataset.variant = answered ? "secondary" : "outline";
    button.toggleAttribute("data-answered", Boolean(answered));
    const count = form.querySelector("[data-answered-count]");
    count.textContent = count.dataset.text.replace("{done}", form.querySelectorAll("[data-answered]").length);
  }

  function flush() {
    if (sending) return sending;
    clearTimeout(retry);
    sending = (async () => {
      let sent = true;
      while (sent && Object.keys(queue).length) sent = await send(Object.keys(queue)[0]);
      sending = null;
      if (sent) {
        wait = 2000;
      } else {
        retry = setTimeout(flush, wait);
        wait = Math.min(wait * 1.5, 15000);
      }
      return sent;
    })();
    return sending;
  }

  function renumber(list) {
    [...list.children].forEach((item, index, items) => {
      item.querySelector("[data-order-rank]").textContent = String(index + 1);
      item.querySelector("[data-move=up]").setAttribute("aria-disabled", String(index === 0));
      item.querySelector("[data-move=down]").setAttribute("aria-disabled", String(index === items.length - 1));
    });
  }

  function move(button) {
    const item = button.closest("[data-order-item]");
    const list = item.parentElement;
    const other = button.dataset.move === "up" ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    if (button.dataset.move === "up") list.insertBefore(item, other);
    else list.insertBefore(other, item);
    renumber(list);
    button.focus();
    const question = item.closest("[data-question]");
    question.querySelector("[data-order-touched]").value = "1";
    enqueue(question);
  }

  Object.entries(queue).forEach(([position, entry]) => {
    const question = questions.get(position);
    if (!question || entry.revision <= Number(question.dataset.revision)) return;
    restore(question, entry.fields);
    question.dataset.revision = String(entry.revision);
  });

  let typing = 0;
  let typed = null;
  const settleTyping = () => {
    clearTimeout(typing);
    const question = typed;
    typed = null;
    if (question) enqueue(question);
  };
  form.addEventListener("input", (event) => {
    const question = event.target.closest("[data-question]");
    if (!question || !event.target.matches("textarea, input:not([type=radio]):not([type=checkbox])")) return;
    if (typed && typed !== question) settleTyping();
    clearTimeout(typing);
    typed = question;
    typing = setTimeout(settleTyping, 500);
  });
  form.addEventListener("change", (event) => {
    const question = event.target.closest("[data-question]");
    if (!question) return;
    // A text that was saved while it was typed needs no second save when the field is left.
    if (event.target.matches("textarea, input:not([type=radio]):not([type=checkbox])")) settleTyping();
    else enqueue(question);
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (!button) return;
    event.preventDefault();
    move(button);
  });
  form.addEventListener("submit", (event) => {
    if (!leaving) settleTyping();
    if (leaving || (!Object.keys(queue).length && navigator.onLine)) return;
    event.preventDefault();
    // The shell refuses a form that was sent before; this one is only held back.
    event.stopPropagation();
    const button = event.submitter;
    flush().then((sent) => {
      if (!sent || !navigator.onLine) {
        say(form.dataset.textOffline, "offline");
        return;
      }
      leaving = true;
      form.requestSubmit(button && button.form === form ? button : undefined);
    });
  });
  window.addEventListener("online", flush);
  startTimer(form, () => {
    settleTyping();
    flush().finally(() => timeout.requestSubmit());
  });
  if (Object.keys(queue).length) flush();
})();
