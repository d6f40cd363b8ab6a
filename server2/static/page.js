// A page that keeps a text until its reader has signed in, in this tab, is told so: unsaved.js.
const signOut = document.querySelector(".masthead [data-csrf-token]");
if (signOut) {
  const channel = new BroadcastChannel("signed-in");
  channel.postMessage({ csrfToken: signOut.dataset.csrfToken, who: document.querySelector(".who bdi").textContent });
  channel.close();
}
