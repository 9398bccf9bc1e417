// The page that ships: a form that was sent is not sent again.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-once]") || event.defaultPrevented) return;
  // The service knows the form by its key too; this only shows that it is under way.
  const button = form.querySelector("button.go");
  setTimeout(() => (button.disabled = true));
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
