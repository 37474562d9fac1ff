// Follows a case by server-sent events and replaces the status on the page; nothing a person is typing is touched.
(() => {
  const live = document.getElementById("live");
  if (!live || !window.EventSource) return;
  const application = live.dataset.application;
  const news = document.querySelector(".news");
  const announce = document.getElementById("announce");
  let state = live.dataset.state;
  let typed = false;
  document.addEventListener("input", () => { typed = true; });

  const corrections = () => live.querySelector("[data-corrections]")?.dataset.corrections;

  async function refresh(final) {
    const answer = await fetch(`/applications/${application}/live`, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const before = corrections();
    live.innerHTML = await answer.text();
    if (before === corrections() && !final) return;
    if (typed) news.hidden = false;
    else location.reload();
  }

  const source = new EventSource(`/v1/applications/${application}/events`);
  source.addEventListener("status", (event) => {
    if (Number(event.lastEventId) <= Number(live.dataset.version)) return;
    live.dataset.version = event.lastEventId;
    const status = JSON.parse(event.data);
    if (status.final) source.close();
    if (status.state !== state) announce.textContent = `${status.state_name.zh} ${status.state_name.en}`;
    state = status.state;
    refresh(status.final);
  });
  window.addEventListener("pagehide", () => source.close());
})();
