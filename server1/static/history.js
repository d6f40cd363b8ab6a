// A page that the browser kept from before a sign-out must not be shown again as it was.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
