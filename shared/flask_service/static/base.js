// A page out of the back/forward cache may show what its reader has signed out of.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// The server writes UTC; the reader's own zone, and their own kind of English, are known only here.
const english = navigator.languages.find((language) => language.startsWith("en")) ?? "en-GB";
for (const time of document.querySelectorAll("time[datetime]")) {
  const form = { day: "numeric", month: "long", hour: "numeric", minute: "2-digit", timeZoneName: "short" };
  if (/ \d{4}/.test(time.textContent)) form.year = "numeric";
  if (/:\d\d:/.test(time.textContent)) form.second = "2-digit";
  time.textContent = new Date(time.dateTime).toLocaleString(english, form);
}

// A double click: the servers answer both alike, and this spares them the second. Whoever stops the page may send again.
document.addEventListener("submit", ({ target, submitter, defaultPrevented }) => {
  if (defaultPrevented || target.method !== "post" || !submitter) return;
  setTimeout(() => { submitter.disabled = true; }); // once the form has been sent, with the button's value
  setTimeout(() => { submitter.disabled = false; }, 5000);
});
