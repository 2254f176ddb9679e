// Loaded first and without waiting: Bootstrap's own dark colours, before the first paint.
"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => document.documentElement.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  apply();
  document.documentElement.classList.add("js");
  dark.addEventListener("change", apply);
})();
