"use strict";
/* Before anything is drawn, so that a chosen theme does not flash. */
try {
  const chosen = localStorage.getItem("renderbench-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch {
  /* No storage: the system's theme. */
}
