// Account pages: passkeys (Web Authentication) and printing. Nothing here is needed to sign in with
// a password: what needs a script stays hidden until this file shows it.
(() => {
  "use strict";

  // --- text of the wire: base64url <-> bytes ----------------------------------------------------
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");
  const described = (list) => (list ?? []).map((item) => ({ ...item, id: bytes(item.id) }));

  function creation(options) {
    return {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: described(options.excludeCredentials),
    };
  }

  function request(options) {
    return {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: described(options.allowCredentials),
    };
  }

  function answer(credential) {
    const { response } = credential;
    const plain = { clientDataJSON: text(response.clientDataJSON) };
    if (response.attestationObject) {
      plain.attestationObject = text(response.attestationObject);
      plain.transports = response.getTransports?.() ?? [];
    } else {
      plain.authenticatorData = text(response.authenticatorData);
      plain.signature = text(response.signature);
      plain.userHandle = response.userHandle ? text(response.userHandle) : null;
    }
    return {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
      clientExtensionResults: credential.getClientExtensionResults(),
      response: plain,
    };
  }

  // --- forms ------------------------------------------------------------------------------------
  // data-passkey says what is asked: "add", "login" (question fetched when needed) or "prove".
  async function question(form) {
    if (form.dataset.options) return JSON.parse(form.dataset.options).publicKey;
    const reply = await fetch(form.action, {
      headers: { Accept: "application/json", "X-Requested-With": "XMLHttpRequest" },
    });
    if (!reply.ok) throw new Error(`no question: ${reply.status}`);
    return (await reply.json()).request_options.publicKey;
  }

  function say(form, message) {
    const status = form.querySelector("[data-passkey-status]");
    if (status) {
      status.textContent = message;
      status.hidden = !message;
    }
  }

  async function ask(form) {
    const button = form.querySelector("[data-passkey-ask]");
    say(form, "");
    button.disabled = true;
    try {
      const asked = await question(form);
      const credential =
        form.dataset.passkey === "add"
          ? await navigator.credentials.create({ publicKey: creation(asked) })
          : await navigator.credentials.get({ publicKey: request(asked) });
      form.elements.credential.value = JSON.stringify(answer(credential));
      form.submit();
    } catch (error) {
      button.disabled = false;
      const known = error.name === "InvalidStateError" ? form.dataset.duplicate : "";
      say(form, known || form.dataset.failed || "");
      button.focus();
    }
  }

  const supported = Boolean(window.PublicKeyCredential && navigator.credentials);
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (supported) {
      for (const part of form.querySelectorAll("[data-needs-passkeys]")) part.hidden = false;
    } else {
      for (const part of form.querySelectorAll("[data-no-passkeys]")) part.hidden = false;
    }
    // form.submit() raises no such event: this one always comes from a person.
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (supported) ask(form);
    });
  }
  for (const part of document.querySelectorAll("[data-with-passkeys]")) part.hidden = !supported;

  // --- printing ---------------------------------------------------------------------------------
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
})();
