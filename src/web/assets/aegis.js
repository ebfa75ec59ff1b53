// Comforts only: every page works without this file.
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

// A button that copies what is shown once.
for (const button of document.querySelectorAll("button[data-copies]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const shown = document.getElementById(button.dataset.copies);
    await navigator.clipboard.writeText(shown.value ?? shown.textContent);
    button.textContent = "Copied";
  });
}

// Times as the clock of the person reading shows them.
for (const moment of document.querySelectorAll("time[data-local]")) {
  const date = new Date(moment.dateTime);
  const shape = { clock: { timeStyle: "short" }, day: { dateStyle: "long" } }[moment.dataset.local];
  moment.textContent = new Intl.DateTimeFormat(undefined, shape).format(date);
}
