// Speed and comfort only: every page works without this file.
"use strict";
(() => {
  // What is wrong comes first, for eyes and for screen readers; whoever was faster than this file keeps their place.
  if (document.activeElement === document.body) document.querySelector(".summary")?.focus();

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

  // What is said relative to now stays true while the page is open. The server's clock counts, not this machine's.
  const ahead = Date.parse(document.body.dataset.now) - Date.now();
  const present = () => Date.now() + ahead;
  const counted = (count, name) => `${count} ${name}${count === 1 ? "" : "s"}`;
  const largest = (seconds) => {
    for (const [size, name] of [[31536000, "year"], [2592000, "month"], [86400, "day"], [3600, "hour"], [60, "minute"]]) {
      if (seconds >= 2 * size || (size === 60 && seconds >= size)) return counted(Math.floor(seconds / size), name);
    }
    return counted(0, "minute");
  };
  const relative = (instant) => {
    const seconds = Math.trunc((instant - present()) / 1000);
    if (Math.abs(seconds) < 60) return instant >= present() ? "now" : "just now";
    return seconds > 0 ? `in ${largest(seconds)}` : `${largest(-seconds)} ago`;
  };
  const zone = document.body.dataset.zone;
  const day = (instant) => new Date(instant).toLocaleDateString("en-GB", { timeZone: zone });
  const weekday = (instant) => new Date(instant).toLocaleDateString("en-GB", { timeZone: zone, weekday: "short" });
  const freshen = () => {
    for (const each of document.querySelectorAll("time")) {
      const instant = Date.parse(each.dateTime);
      let text = each.textContent;
      if (each.dataset.far === "whole") text = relative(instant);
      else if (each.dataset.far === "within") text = text.replace(/\([^()]*\)$/, `(${relative(instant)})`);
      else if (text.startsWith("Today ") && day(instant) !== day(present())) text = text.replace("Today", weekday(instant));
      if (text !== each.textContent) each.textContent = text;
    }
  };

  // The clocks of a ticket are read again once a minute while they can be seen. What is open stays open, the focus
  // stays where it is, and only a change of state is read aloud.
  const loud = document.createElement("p");
  loud.className = "visually-hidden";
  loud.setAttribute("role", "status");
  document.body.append(loud);
  const watched = () => document.querySelector("[hx-trigger='desk:minute']");
  let kept = {};
  document.addEventListener("htmx:beforeSwap", (event) => {
    const box = event.target;
    if (!box.matches?.("[hx-trigger='desk:minute']")) return;
    // Signed out meanwhile, or the desk is away: what is shown stays, and nothing is asked again.
    if (event.detail.xhr.status !== 200 || !event.detail.xhr.responseText.includes(`id="${box.id}"`)) {
      event.detail.shouldSwap = false;
      if (event.detail.xhr.status === 200) box.setAttribute("hx-trigger", "never");
      return;
    }
    kept = {
      open: [...box.querySelectorAll("details[open]")].map((each) => each.id),
      focus: box.contains(document.activeElement) ? document.activeElement.id : "",
      said: box.dataset.say,
    };
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const box = document.getElementById(event.detail.target.id);
    if (!box?.dataset.say || kept.said === undefined) return;
    for (const id of kept.open) document.getElementById(id)?.setAttribute("open", "");
    if (kept.focus) document.getElementById(kept.focus)?.focus({ preventScroll: true });
    if (box.dataset.say !== kept.said) loud.textContent = box.dataset.say;
    kept = {};
  });
  const minute = () => {
    if (document.visibilityState !== "visible") return;
    freshen();
    const box = watched();
    if (box && window.htmx) window.htmx.trigger(box, "desk:minute");
  };
  setInterval(minute, 60000);
  document.addEventListener("visibilitychange", minute);
})();
