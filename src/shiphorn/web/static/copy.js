// Copies what a field holds: buttons with data-copy="ID of the field".

for (const button of document.querySelectorAll("button[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const said = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = "Copied";
    } catch {
      // Without HTTPS a browser does not let us: it is selected, for the person's own Ctrl-C.
      button.textContent = "Press Ctrl-C";
    }
    setTimeout(() => (button.textContent = said), 2000);
  });
}
