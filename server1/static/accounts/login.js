// The answer to a failed sign-in never repeats what was typed; this browser remembers the address.
const email = document.getElementById("email");
const password = document.getElementById("password");
const KEPT = "server1.email";

try {
  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  if (kept && document.getElementById("problem")) {
    email.value = kept;
    password.focus();
  }
  email.form.addEventListener("submit", () => sessionStorage.setItem(KEPT, email.value));
} catch {
  // Storage is switched off: the address is typed again.
}
