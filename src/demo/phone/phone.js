// Shows what the bot wrote as soon as it is there.
"use strict";
const messages = document.getElementById("messages");
const look = async () => {
  try {
    const answer = await fetch("/messages");
    if (answer.ok) {
      const next = messages.cloneNode(false);
      next.innerHTML = await answer.text();
      // Compared with what stands there, also before the first look; what is the same stays, under a finger too.
      if (next.innerHTML !== messages.innerHTML) {
        messages.replaceChildren(...next.childNodes);
      }
    }
  } catch {
    // The demo has ended, or is about to come back.
  }
  setTimeout(look, 500);
};
look();
