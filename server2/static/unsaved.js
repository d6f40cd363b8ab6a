// Signing in gives every form a new CSRF value. The tab in which that happened tells it to this one, so
// that the text which waits here is saved at once; without script the server asks once more.
const field = document.querySelector(".writing input[name=csrf_token]");
const told = document.getElementById("signed-in");

new BroadcastChannel("signed-in").addEventListener("message", ({ data }) => {
  field.value = data.csrfToken;
  const line = document.createElement("p");
  line.className = "remark";
  line.textContent = `You are signed in as ${data.who}. Save your text now.`;
  told.replaceChildren(line);
});
