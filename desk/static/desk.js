// Speed and comfort only: every page works without this file.
"use strict";
(() => {
  // What is wrong comes first, for eyes and for screen readers.
  document.querySelector(".summary")?.focus();

  // Links of the summary lead into the field, not only to it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".summary a[href^='#']");
    if (!link) return;
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    const control = target?.matches("input, select, textarea") ? target : target?.querySelector("input, select, textarea");
    if (!control) return;
    event.preventDefault();
    control.focus();
    control.scrollIntoView({ block: "center" });
  });

  // A draft outlives a reload or a step to another page, in this tab only; sending or signing out ends it.
  const place = (box) => `draft:${location.pathname}:${box.name}`;
  const store = window.sessionStorage;
  for (const box of document.querySelectorAll("[data-draft]")) {
    const kept = store.getItem(place(box));
    if (kept && !box.value) {
      box.value = kept;
      const note = document.createElement("div");
      note.className = "form-text";
      note.textContent = "Your unsent draft was put back.";
      box.after(note);
    }
    box.addEventListener("input", () => {
      if (box.value) store.setItem(place(box), box.value);
      else store.removeItem(place(box));
    });
    box.form?.addEventListener("submit", (event) => {
      if (!event.submitter?.hasAttribute("formaction")) store.removeItem(place(box));
    });
  }
  document.querySelector("form[action$='/sign-out']")?.addEventListener("submit", () => store.clear());

  // A second click while the first is under way sends nothing twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.submitter?.formTarget === "_blank") return;
    if (form.dataset.sending) {
      event.preventDefault();
      return;
    }
    form.dataset.sending = "1";
    window.addEventListener("pageshow", () => delete form.dataset.sending, { once: true });
  });

  // Control or Command with Enter sends what is being written, by the button that can be seen.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !event.target.matches("textarea")) return;
    const buttons = [...event.target.form.querySelectorAll("button[type=submit]:not([formaction])")];
    const visible = buttons.find((button) => button.offsetParent !== null);
    if (visible) event.target.form.requestSubmit(visible);
  });

  // Enter in a line or on a choice must not press a button that nobody looked at.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("form[data-careful] input")) event.preventDefault();
  });

  // A link to a message may lead into the folded part of a conversation.
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    target && target.closest("details")?.setAttribute("open", "");
  };
  window.addEventListener("hashchange", open);
  open();
})();
