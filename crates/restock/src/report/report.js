"use strict";
const D = JSON.parse(document.getElementById("data").textContent), T = D.t || {};
const esc = s => String(s).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
const num = (x, d = 0) => x == null || !isFinite(x) ? "–" : x.toLocaleString("en-US", {minimumFractionDigits: d, maximumFractionDigits: d});
const short = x => Math.abs(x) < 10 && x % 1 ? num(x, 1) : num(x);
const el = (tag, attrs, inner = "") => `<${tag}${Object.entries(attrs).map(([k, v]) => ` ${k}="${v}"`).join("")}>${inner}</${tag}>`;

// Horizontal waterfall: every bar starts where the one before ended.
function waterfall(line) {
  let at = 0, low = 0, high = 0;
  for (const w of line.wf) { at += w.n; low = Math.min(low, at); high = Math.max(high, at); }
  const x = v => (v - low) / (high - low || 1) * 100;
  const step = (label, value, from, to, cls, note = "") => `<div class="step ${cls}"><div class="l">${esc(label)}${note && `<span class="ev">${esc(note)}</span>`}</div>` +
    `<div class="track"><div class="bar ${to < from ? "minus" : ""}" style="left:${x(Math.min(from, to))}%;width:${Math.abs(x(to) - x(from))}%"></div></div><div class="v">${esc(value)}</div></div>`;
  let out = "", running = 0;
  for (const w of line.wf) { out += step(w.l, w.v, running, running + w.n, "", w.e); running += w.n; }
  out += step(T.total, line.q, 0, running, "sum");
  return `<div class="pane"><h3>${esc(T.waterfall)}</h3>${out}</div>`;
}

const table = (title, head, rows, note = "") => rows.length ? `<div class="pane"><h3>${esc(title)}</h3><div class="scroll"><table>` +
  (head ? `<tr>${head.map((h, i) => `<th${i ? ' class="num"' : ""}>${esc(h)}</th>`).join("")}</tr>` : "") +
  rows.map(r => `<tr${r.here ? ' class="here"' : ""}>${(r.cells || r).map((c, i) => `<td class="${i ? "num" : ""}${String(c).startsWith("-") ? " minus" : ""}">${esc(c)}</td>`).join("")}</tr>`).join("") +
  `</table></div>${note ? `<p class="small soft">${esc(note)}</p>` : ""}</div>` : "";

// Round steps for an axis that covers [low, high].
function ticks(low, high, n) {
  const raw = (high - low || 1) / n, mag = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(m => m * mag).find(s => s >= raw);
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) out.push(v);
  return out;
}

const day = n => new Date(n * 864e5).toISOString().slice(0, 10);
const dayShort = n => day(n).slice(5);

// A chart over days. `series`: areas [[day, low, high]], lines [[day, value]], bars [[day, value]], marks [[day, text]].
function chart(box, c) {
  const W = Math.max(260, box.clientWidth), H = Math.min(260, Math.max(180, W * .42)), L = 40, R = 8, Top = 16, B = 22;
  const days = c.days, d0 = days[0], d1 = days[days.length - 1] + c.step;
  const X = d => L + (d - d0) / (d1 - d0) * (W - L - R), low = c.low || 0, high = low ? c.high : c.high * 1.06 || 1;
  const Y = v => H - B - (Math.max(low, v) - low) / (high - low) * (H - B - Top), label = c.label || short;
  let g = "";
  for (const v of ticks(low, high, 4)) g += `<line x1="${L}" x2="${W - R}" y1="${Y(v)}" y2="${Y(v)}" stroke="var(--line)"/><text x="${L - 6}" y="${Y(v) + 4}" text-anchor="end">${label(v)}</text>`;
  const every = Math.ceil(days.length / Math.max(2, Math.floor((W - L) / 64)));
  days.forEach((d, i) => { if (i % every === 0) g += `<text x="${X(d)}" y="${H - 6}" text-anchor="${i ? "middle" : "start"}">${dayShort(d)}</text>`; });
  const path = pts => pts.map((p, i) => `${i ? "L" : "M"}${X(p[0]).toFixed(1)} ${Y(p[1]).toFixed(1)}`).join("");
  for (const s of c.series) {
    if (s.shade) for (const d of s.shade) g += `<rect x="${X(d)}" width="${X(d + c.step) - X(d)}" y="${Top}" height="${H - B - Top}" fill="${s.color}" opacity=".13"/>`;
    if (s.area) g += `<path d="${path(s.area.map(p => [p[0], p[2]]))}${path([...s.area].reverse().map(p => [p[0], p[1]])).replace("M", "L")}Z" fill="${s.color}" opacity=".18"/>`;
    if (s.bars) for (const p of s.bars) g += `<rect x="${X(p[0]) + .5}" width="${Math.max(1, X(p[0] + c.step) - X(p[0]) - 1)}" y="${Y(p[1])}" height="${H - B - Y(p[1])}" fill="${s.color}" opacity="${s.faint ? .35 : .75}"/>`;
    if (s.line) g += `<path d="${path(s.line)}" fill="none" stroke="${s.color}" stroke-width="2" stroke-linejoin="round"${s.dash ? ' stroke-dasharray="5 4"' : ""}/>`;
    if (s.marks) for (const m of s.marks) {
      const x = X(m[0]), end = x > W - 110;
      g += `<line x1="${x}" x2="${x}" y1="${Top - 4}" y2="${H - B}" stroke="${s.color}" stroke-dasharray="2 3"/><text x="${end ? x - 4 : x + 4}" y="${Top - 4 + 12 * m[2]}" text-anchor="${end ? "end" : "start"}" style="fill:${s.color}">${esc(m[1])}</text>`;
    }
  }
  const legend = c.series.filter(s => s.name).map(s => `<span><i class="${s.dash ? "thin" : ""}" style="background:${s.color};color:${s.color};${s.area || s.shade ? "opacity:.4" : ""}"></i>${esc(s.name)}</span>`).join("");
  box.innerHTML = `<svg viewBox="0 0 ${W} ${H}" role="img" aria-label="${esc(c.title)}">${g}<line class="x" y1="${Top}" y2="${H - B}" stroke="var(--soft)" visibility="hidden"/></svg><div class="legend">${legend}</div><div class="readout" aria-live="polite"></div>`;
  const svg = box.querySelector("svg"), cross = svg.querySelector(".x"), out = box.querySelector(".readout");
  svg.onpointermove = e => {
    const r = svg.getBoundingClientRect(), at = d0 + ((e.clientX - r.left) / r.width * W - L) / (W - L - R) * (d1 - d0);
    const d = [...days].reverse().find(v => v <= at) ?? d0;
    cross.setAttribute("x1", X(d)); cross.setAttribute("x2", X(d)); cross.setAttribute("visibility", "visible");
    out.textContent = day(d) + c.read(d);
  };
  svg.onpointerleave = () => { cross.setAttribute("visibility", "hidden"); out.textContent = ""; };
}

function charts(line, where) {
  const d = line.d, boxes = where.querySelectorAll(".chart");
  const by = (rows, i) => new Map(rows.map(r => [r[0], r.slice(1)]));
  const P = by(d.proj), F = by(d.fc), Hist = by(d.hist);
  const marks = d.arr.map((a, i) => [a[0], `${a[2] ? T.thisOrder : T.arrives} +${a[1]}`, i % 3]);
  const stock = {
    title: T.projection, step: 1, days: d.proj.map(p => p[0]), high: Math.max(...d.proj.map(p => Math.max(p[3], p[6]))),
    series: [
      {color: "var(--with)", area: d.proj.map(p => [p[0], p[4], p[6]])},
      {color: "var(--without)", area: d.proj.map(p => [p[0], p[1], p[3]])},
      {name: T.stockWith, color: "var(--with)", line: d.proj.map(p => [p[0], p[5]])},
      {name: T.stockWithout, color: "var(--without)", dash: true, line: d.proj.map(p => [p[0], p[2]])},
      {name: T.band, color: "var(--grey)", area: []},
      {color: "var(--soft)", marks},
    ].filter(s => !s.area || s.area.length || s.name),
    read: at => { const v = P.get(at); return v ? ` · ${T.stockWith} ${short(v[4])} (${short(v[3])}–${short(v[5])}) · ${T.stockWithout} ${short(v[1])}` : ""; },
  };
  stock.series.forEach(s => { if (s.area && !s.area.length) { s.area = null; s.shade = []; } });
  const demand = {
    title: T.demand, step: d.step, days: [...d.hist.map(h => h[0]), ...d.fc.map(f => f[0])],
    high: Math.max(...d.hist.map(h => Math.max(h[1], h[2])), ...d.fc.map(f => f[5]), .5),
    series: [
      {name: T.censored, color: "var(--bad)", shade: d.hist.filter(h => h[3] === 1).map(h => h[0])},
      {color: "var(--grey)", faint: true, bars: d.hist.filter(h => h[2] > h[1]).map(h => [h[0], h[2]])},
      {name: T.sales, color: "var(--grey)", bars: d.hist.map(h => [h[0], h[1]])},
      {name: T.forecast, color: "var(--with)", area: d.fc.map(f => [f[0], f[3], f[5]])},
      {color: "var(--with)", line: d.fc.map(f => [f[0], f[1]])},
    ].filter(s => !s.shade || s.shade.length),
    read: at => { const h = Hist.get(at), f = F.get(at); return h ? ` · ${T.sales} ${short(h[0])}${h[1] > h[0] ? ` · ${T.demand} ${short(h[1])}` : ""}` : f ? ` · ${T.forecast} ${short(f[0])} (${short(f[2])}–${short(f[4])})` : ""; },
  };
  if (d.proj.length) chart(boxes[0], stock);
  if (d.hist.length + d.fc.length) chart(boxes[1], demand);
}

function why(line) {
  const c = line.c;
  let out = `<p class="sentence">${esc(line.s)}</p>`;
  if (line.ex.length) out += `<ul class="list">${line.ex.map(x => `<li><span class="wide"><span class="chip hot">${esc(x[0])}</span> ${esc(x[1])} <span class="soft">${esc(x[2])}</span></span></li>`).join("")}</ul>`;
  if (line.warn.length) out += `<p class="small soft">${line.warn.map(esc).join("<br>")}</p>`;
  out += `<div class="panes">` + waterfall(line);
  out += table(T.consequences, ["", T.without, T.with], c);
  if (line.d) out += `<div class="pane"><h3>${esc(T.projection)}</h3><div class="chart"></div></div><div class="pane"><h3>${esc(T.demand)}</h3><div class="chart"></div></div>`;
  out += table(T.marginal, [line.p, T.pSold, T.netGain], line.mg, line.mgNote);
  out += table(T.sensitivity, [T.if, T.quantity], line.sens);
  out += table(T.alternatives, null, line.alt);
  out += table(T.drivers, null, line.drv);
  return out + `</div><p class="lineage">${line.lin.map(esc).join(" · ")}</p>`;
}

function openLine(node) {
  const line = D.lines[+node.dataset.i], box = node.querySelector(".why");
  if (!box.innerHTML) box.innerHTML = why(line);
  if (line.d) charts(line, box);
}
document.addEventListener("toggle", e => { if (e.target.matches?.("details.line") && e.target.open) openLine(e.target); }, true);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; document.querySelectorAll("details.line[open]").forEach(openLine); } });

// Backtest: cost parts as bars, fill rate against stock, stock over time.
const COLORS = ["var(--with)", "var(--without)", "var(--good)", "#a855f7", "var(--warn)", "var(--bad)", "var(--grey)"];
function backtest(b) {
  const t = b.t, sum = p => p.reduce((a, v) => a + v, 0), top = Math.max(...b.policies.map(p => sum(p.parts)), sum(b.bound)) || 1;
  const tones = ["var(--grey)", "var(--without)", "var(--with)", "var(--bad)"];
  const bar = (name, parts, cls) => `<div class="step ${cls}"><div class="l">${esc(name)}</div><div class="track" style="background:none"><div class="parts">${parts.map((v, i) => `<i style="width:${v / top * 100}%;background:${tones[i]}" title="${esc(t.parts[i])} ${num(v)}"></i>`).join("")}</div></div><div class="v">${num(sum(parts))}</div></div>`;
  document.getElementById("costs").innerHTML = b.policies.map(p => bar(p.name, p.parts, "")).join("") + bar(t.bound, b.bound, "soft") +
    `<div class="legend">${t.parts.map((n, i) => `<span><i style="background:${tones[i]}"></i>${esc(n)}</span>`).join("")}<span>${esc(b.currency)}</span></div>`;
  scatter(document.getElementById("frontier"), b);
  if (b.timeline.length > 1) {
    const box = document.getElementById("timeline"), days = b.timeline.map(p => p[0]), at = new Map(b.timeline);
    chart(box, {
      title: t.timeline, step: b.step, days, high: Math.max(...b.timeline.flatMap(p => p[1])),
      series: b.policies.map((p, i) => ({name: p.name, color: COLORS[i % COLORS.length], dash: !p.own, line: b.timeline.map(q => [q[0], q[1][i]])})),
      read: d => b.policies.map((p, i) => ` · ${p.name} ${num(at.get(d)[i])}`).join(""),
    });
  }
}
function scatter(box, b) {
  const pts = b.policies.map((p, i) => ({...p, color: COLORS[i % COLORS.length]})).filter(p => p.fill != null);
  if (!pts.length) return;
  const W = Math.max(260, box.clientWidth - 30), H = Math.min(280, Math.max(190, W * .45)), L = 52, R = 14, Top = 14, B = 36;
  const fills = pts.map(p => p.fill), lo = Math.min(...fills), hi = Math.max(...fills), pad = Math.max(.005, (hi - lo) * .15);
  const y0 = Math.max(0, lo - pad), y1 = Math.min(1, hi + pad), xm = Math.max(...pts.map(p => p.stock)) * 1.15 || 1;
  const X = v => L + v / xm * (W - L - R), Y = v => H - B - (v - y0) / (y1 - y0 || 1) * (H - B - Top);
  let g = "";
  for (const v of ticks(y0, y1, 4)) g += `<line x1="${L}" x2="${W - R}" y1="${Y(v)}" y2="${Y(v)}" stroke="var(--line)"/><text x="${L - 6}" y="${Y(v) + 4}" text-anchor="end">${num(v * 100, 1)}%</text>`;
  for (const v of ticks(0, xm, 5)) g += `<text x="${X(v)}" y="${H - B + 15}" text-anchor="middle">${num(v)}</text>`;
  g += `<text x="${W - R}" y="${H - 4}" text-anchor="end">${esc(b.t.stock)}, ${esc(b.currency)}</text>`;
  pts.forEach(p => { g += `<circle cx="${X(p.stock)}" cy="${Y(p.fill)}" r="5.5" fill="${p.color}"${p.own ? "" : ' fill-opacity=".35" stroke="' + p.color + '"'}/>`; });
  const key = pts.map(p => `<span><i style="background:${p.color}"></i>${esc(p.name)} ${num(p.fill * 100, 1)}% · ${num(p.stock)}</span>`).join("");
  box.innerHTML = `<svg viewBox="0 0 ${W} ${H}" role="img" aria-label="${esc(b.t.fill)}">${g}</svg><div class="legend">${key}</div>`;
}
if (D.bt) { backtest(D.bt); addEventListener("resize", () => backtest(D.bt)); }

// Simulation: stock value as a fan by day, fill rate by week; the baseline dashed beside a shock.
function simulation(s) {
  const t = s.t, tones = s.scenarios.length > 1 ? ["var(--grey)", "var(--without)"] : ["var(--with)"];
  const fan = document.getElementById("fan"), service = document.getElementById("service");
  const stock = s.scenarios.map(x => new Map(x.stock.map(p => [p[0], p]))), met = s.scenarios.map(x => new Map(x.service.map(p => [p[0], p])));
  const percent = (v, d = 1) => `${num(v * 100, d)}%`, dash = i => s.scenarios.length > 1 && !i;
  chart(fan, {
    title: t.stock, step: s.step, days: s.scenarios[0].stock.map(p => p[0]), high: Math.max(...s.scenarios.flatMap(x => x.stock.map(p => p[5]))),
    series: s.scenarios.flatMap((x, i) => [
      ...(dash(i) ? [] : [{color: tones[i], area: x.stock.map(p => [p[0], p[1], p[5]])}, {color: tones[i], area: x.stock.map(p => [p[0], p[2], p[4]])}]),
      {name: x.name, color: tones[i], dash: dash(i), line: x.stock.map(p => [p[0], p[3]])},
    ]),
    read: d => s.scenarios.map((x, i) => { const p = stock[i].get(d); return p ? ` · ${x.name} ${num(p[3])} (${num(p[1])}–${num(p[5])})` : ""; }).join(""),
  });
  const all = s.scenarios.flatMap(x => x.service), floor = Math.min(...all.map(p => p[2]));
  if (all.length) chart(service, {
    title: t.service, step: s.weekStep, days: [...new Set(all.map(p => p[0]))].sort((a, b) => a - b), high: 1, low: Math.max(0, Math.min(.9, Math.floor(floor * 20) / 20)), label: v => percent(v, 0),
    series: s.scenarios.flatMap((x, i) => [
      ...(dash(i) ? [] : [{color: tones[i], area: x.service.map(p => [p[0], p[2], p[3]])}]),
      {name: x.name, color: tones[i], dash: dash(i), line: x.service.map(p => [p[0], p[1]])},
    ]),
    read: d => s.scenarios.map((x, i) => { const p = met[i].get(d); return p ? ` · ${x.name} ${percent(p[1])} (${percent(p[2])}–${percent(p[3])})` : ""; }).join(""),
  });
}
if (D.sim) { simulation(D.sim); addEventListener("resize", () => simulation(D.sim)); }

const search = document.getElementById("search");
search?.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  document.querySelectorAll(".group").forEach(group => {
    let any = false;
    group.querySelectorAll("details.line").forEach(node => {
      const hit = words.every(w => node.dataset.k.includes(w));
      node.hidden = !hit; any ||= hit;
    });
    group.hidden = !any;
  });
});
document.getElementById("csv")?.addEventListener("click", () => {
  const cell = v => /[",\n]/.test(v) ? `"${v.replace(/"/g, '""')}"` : v;
  const text = "\ufeff" + D.csv.map(r => r.map(v => cell(String(v ?? ""))).join(",")).join("\n") + "\n";
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([text], {type: "text/csv"})); a.download = "orders.csv"; a.click();
  URL.revokeObjectURL(a.href);
});
if (location.hash.startsWith("#line-")) { const node = document.getElementById(location.hash.slice(1)); if (node) { node.open = true; openLine(node); } }
