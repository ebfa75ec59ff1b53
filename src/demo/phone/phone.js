// Shows what the bot wrote as soon as it is there.
"use strict";
const messages = document.getElementById("messages");
let shown = null;
const look = async () => {
  try {
    const answer = await fetch("/messages");
    const text = answer.ok ? await answer.text() : shown;
    if (text !== shown) {
      if (shown !== null) {
        messages.innerHTML = text;
      }
      shown = text;
    }
  } catch {
    // The demo has ended, or is about to come back.
  }
  setTimeout(look, 500);
};
look();
