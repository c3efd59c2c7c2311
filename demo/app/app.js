const show = (id, text) => { document.getElementById(id).textContent = text; };

const route = () => {
  show("route", location.pathname);
  for (const link of document.querySelectorAll("nav a")) {
    const current = link.pathname === location.pathname;
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
};

document.querySelector("nav").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  const opensElsewhere = event.metaKey || event.ctrlKey || event.shiftKey;
  if (!link || opensElsewhere) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  route();
});
addEventListener("popstate", route);
route();

const onClick = (id, output, answer) => {
  document.getElementById(id).addEventListener("click", async () => {
    try {
      show(output, await answer());
    } catch (error) {
      show(output, `failed: ${error.message}`);
    }
  });
};

onClick("ask", "server", async () => {
  const response = await fetch("/api/whoami");
  if (!response.ok) throw new Error(`status ${response.status}`);
  const { server, requests } = await response.json();
  return `${server}, its request number ${requests}`;
});

onClick("fetch", "cache", async () => {
  // The browser may keep the script for a year; no-store asks the edge all the same.
  const { headers } = await fetch(import.meta.url, { cache: "no-store" });
  return `${headers.get("x-cache") ?? "no X-Cache"}, age ${headers.get("age") ?? 0} s`;
});
