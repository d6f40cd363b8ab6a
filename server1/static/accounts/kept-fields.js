// A response never repeats what was typed. This browser keeps the fields with data-kept, and
// puts them back when the same form comes again with a problem.
const form = document.querySelector("form[data-keep]");

try {
  const name = `server1.${form.dataset.keep}`;
  const fields = [...form.elements].filter((field) => field.dataset.kept !== undefined);
  const kept = JSON.parse(sessionStorage.getItem(name) ?? "{}");
  sessionStorage.removeItem(name);
  if (document.getElementById("problem")) {
    for (const field of fields) field.value = kept[field.name] || field.value;
    [...form.elements].find((field) => field.required && !field.value)?.focus();
  }
  form.addEventListener("submit", () => {
    const typed = Object.fromEntries(fields.map((field) => [field.name, field.value]));
    sessionStorage.setItem(name, JSON.stringify(typed));
  });
} catch {
  // Storage is switched off: the fields are filled in again by hand.
}

// A keyboard or a copy adds blanks, and marks of direction, that the browser would refuse to send; the
// server takes them off.
const unseen = "\\s\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202c\\u2060\\u2066-\\u2069";
const blanks = new RegExp(`^[${unseen}]+|[${unseen}]+$`, "g");
for (const field of document.querySelectorAll("input[type=email]:not([readonly])")) {
  field.addEventListener("change", () => {
    field.value = field.value.replace(blanks, "");
  });
}
