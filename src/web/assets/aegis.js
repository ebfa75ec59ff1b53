// Comforts only: every page works without this file, but for passkeys, which browsers give to script alone.
"use strict";

// A button beside each password that shows and hides it.
for (const button of document.querySelectorAll("button[data-shows]")) {
  const field = document.getElementById(button.dataset.shows);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  });
  // A shown password is sent as a password, so that the browser offers to keep it.
  field.form.addEventListener("submit", () => { field.type = "password"; });
}

// The code of a link stands in the fragment, which no server sees: into its field, and out of the address.
const code = document.querySelector("input[data-from-fragment]");
if (code && location.hash.length > 1) {
  code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
}

// A page that waits asks how far its sign-in has come, and goes on by itself.
const waits = document.querySelector("form[data-waits]");
if (waits) {
  let asking = new AbortController();
  const ask = async () => {
    asking.abort();
    const { signal } = asking = new AbortController();
    while (!signal.aborted) {
      try {
        const answer = await fetch(waits.dataset.waits, { signal, cache: "no-store" });
        const { state, to } = answer.ok ? await answer.json() : {};
        if (signal.aborted) return;
        if (state === "approved") { waits.requestSubmit(); return; }
        if (to) { location.replace(to); return; }
      } catch { /* no answer: asked again, or the page is left */ }
      await new Promise((done) => { setTimeout(done, 1000); });
    }
  };
  waits.addEventListener("submit", () => asking.abort());
  // Whoever comes back from Telegram sees at once what became of it.
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  window.addEventListener("pageshow", ({ persisted }) => { if (persisted) ask(); });
  ask();
}
document.querySelector("form[data-continues]")?.requestSubmit();

// What may not be asked for yet.
for (const button of document.querySelectorAll("button[data-ready-in]")) {
  const left = Number(button.dataset.readyIn);
  button.disabled = left > 0;
  setTimeout(() => { button.disabled = false; }, left);
}

// A button that copies what is shown once.
for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const shown = document.getElementById(button.dataset.copies);
    await navigator.clipboard.writeText(shown.value ?? shown.textContent);
    button.textContent = "Copied";
  });
}

// The same into a file, and onto paper.
for (const button of document.querySelectorAll("button[data-saves]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const text = `${document.getElementById(button.dataset.saves).textContent}\n`;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = button.dataset.file;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
for (const button of document.querySelectorAll("button[data-prints]")) {
  button.hidden = false;
  button.addEventListener("click", () => { window.print(); });
}

// Times as the clock of the person reading shows them.
for (const moment of document.querySelectorAll("time[data-local]")) {
  const date = new Date(moment.dateTime);
  const shape = { clock: { timeStyle: "short" }, second: { timeStyle: "medium" }, day: { dateStyle: "long" } }[moment.dataset.local];
  moment.textContent = new Intl.DateTimeFormat(undefined, shape).format(date);
}

// Passkeys: a button asks what to ask the browser for, and sends what the browser answers.
const decoded = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const encoded = (buffer) =>
  btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

async function posted(url, what) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(what) });
  const said = await answer.json();
  if (answer.ok) return said;
  throw Object.assign(new Error(said.detail), { name: "Refused" });
}

// Asks for a passkey as the button says, and goes where the answer leads. `how` is for `navigator.credentials`.
async function ask({ dataset, form }, how) {
  const fields = {};
  for (const name of dataset.passkeyFields.split(" ")) {
    const field = form?.elements[name];
    if (field) fields[name] = field.type === "checkbox" ? field.checked : field.value;
  }
  const { ceremony, options: { publicKey } } = await posted(dataset.passkeyOptions, fields);
  publicKey.challenge = decoded(publicKey.challenge);
  for (const one of [publicKey.user, ...(publicKey.allowCredentials ?? []), ...(publicKey.excludeCredentials ?? [])]) {
    if (one) one.id = decoded(one.id);
  }
  const made = await navigator.credentials[publicKey.user ? "create" : "get"]({ publicKey, ...how });
  const response = { transports: made.response.getTransports?.() };
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (made.response[part]) response[part] = encoded(made.response[part]);
  }
  const { id, rawId, type } = made;
  const shown = { id, rawId: encoded(rawId), type, response, clientExtensionResults: made.getClientExtensionResults() };
  const { to } = await posted(dataset.passkeyFinish, { ...fields, ceremony, response: shown });
  location.assign(to);
}

const failures = {
  NotAllowedError: "No passkey was used. Try again when you are ready.",
  InvalidStateError: "There is a passkey for this account on this device already.",
};

for (const button of window.PublicKeyCredential ? document.querySelectorAll("button[data-passkey-options]") : []) {
  const note = document.createElement("div");
  Object.assign(note, { className: "note bad", role: "alert", tabIndex: -1 });
  // What is offered in a field, and has to make way for what the button asks.
  let offer = new AbortController();
  const complain = ({ name, message }) => {
    const sentence = name === "Refused" ? message : failures[name];
    const text = document.createElement("p");
    text.textContent = sentence ?? "That did not work. Load the page again and try again.";
    note.replaceChildren(text);
    button.before(note);
    note.focus();
  };
  // A field that says so offers passkeys with the names it knows. What was asked for runs out; then it is asked again.
  const offerInField = async () => {
    const isPossible = await window.PublicKeyCredential.isConditionalMediationAvailable?.();
    if (!isPossible || button.disabled || !document.querySelector("input[autocomplete~=webauthn]")) return;
    offer.abort();
    offer = new AbortController();
    const { signal } = offer;
    await ask(button, { mediation: "conditional", signal }).catch((error) => {
      if (error.name === "Refused" && !signal.aborted) complain(error);
    });
  };
  button.parentElement.hidden = false;
  button.addEventListener("click", async () => {
    offer.abort();
    note.remove();
    button.disabled = true;
    await ask(button).catch((error) => {
      complain(error);
      button.disabled = false;
      offerInField();
    });
  });
  offerInField();
  setInterval(() => { if (!document.hidden) offerInField(); }, 240_000);
}
