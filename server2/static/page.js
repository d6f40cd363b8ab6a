// A page out of the back/forward cache may show what its reader has signed out of.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// A page that keeps a text until its reader has signed in, in this tab, is told so: unsaved.js.
const signOut = document.querySelector(".masthead [data-csrf-token]");
if (signOut) {
  const channel = new BroadcastChannel("signed-in");
  channel.postMessage({ csrfToken: signOut.dataset.csrfToken, who: document.querySelector(".who bdi").textContent });
  channel.close();
}

// The server writes UTC; the reader's own zone, and their own kind of English, are known only here.
const english = navigator.languages.find((language) => language.startsWith("en")) ?? "en-GB";
for (const time of document.querySelectorAll("time[datetime]")) {
  const form = { dateStyle: "long", timeStyle: "short" };
  time.textContent = new Date(time.dateTime).toLocaleString(english, form);
}
