// What the next user of the machine does: the browser's Back button.
addEventListener("load", () => setTimeout(() => history.back()));
