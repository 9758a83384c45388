import { counted, humanBytes, humanCount } from '../core/index.ts';
import { type Html, html } from './escape.ts';
import { cardTable, code, network, separated } from './html-part.ts';
import type { AnalysisResult, HostSummary, InputSummary, OdditySummary } from './result.ts';
import { clock, day, sameDay, span, timeOfDay } from './words.ts';

/** The sections after the incidents: hosts, what could not be seen, how the report was made. */

const MAX_HOSTS = 50;
const MAX_INPUTS = 200;
const MAX_ODDITIES = 100;

export function hostsSection({ hosts, run }: AnalysisResult): Html {
  const shown = hosts.slice(0, MAX_HOSTS);
  const more = run.hosts - shown.length;
  const oneDay = run.firstMs !== undefined && run.lastMs !== undefined && sameDay(run.firstMs, run.lastMs);
  const caption = html`${counted(shown.length, 'host')} with the most traffic${more > 0 && `; ${humanCount(more)} more were seen`}.`;
  return html`<section id="hosts" aria-labelledby="hosts-h"><h2 id="hosts-h">Hosts</h2>
${
  shown.length === 0
    ? html`<p class="card">No host was seen.</p>`
    : cardTable(
        'hosts',
        'Hosts',
        shown.map((host) => hostRow(host, oneDay)),
        { right: [1, 2, 3, 4], caption },
      )
}
</section>`;
}

function hostRow(host: HostSummary, oneDay: boolean): Html {
  const seen = sameDay(host.firstMs, host.lastMs)
    ? html`<span><span class="nb">${timeOfDay(host.firstMs)} to ${timeOfDay(host.lastMs)}</span>${!oneDay && html`<small>${day(host.firstMs)}</small>`}</span>`
    : html`<span>${clock(host.firstMs)} to ${clock(host.lastMs)}</span>`;
  const services = host.services.slice(0, 8).map((service) => html`<span class="tag">${network(service, 30)}</span>`);
  const names = host.names.slice(0, 5).map((name) => network(name, 80));
  return html`
<tr><th scope="row"><span>${code(host.address, 45)} <span class="tag">${host.home ? 'home' : 'outside'}</span>${host.mac !== undefined && html`<small>${code(host.mac, 17)}</small>`}</span></th><td class="r">${humanCount(
    host.flowsOut,
  )}</td><td class="r">${humanCount(host.flowsIn)}</td><td class="r">${humanBytes(host.bytesOut)}</td><td class="r">${humanBytes(host.bytesIn)}</td><td>${seen}</td><td>${
    (services.length > 0 || names.length > 0) &&
    html`<span>${separated(services, ' ')}${services.length > 0 && names.length > 0 && html`<br>`}${separated(names, ', ')}</span>`
  }</td></tr>`;
}

export function notSeenSection({ run, oddities }: AnalysisResult): Html {
  const bad = run.inputs.filter((input) => input.status !== 'complete');
  const blocks: Html[] = [];
  if (bad.length > 0) {
    blocks.push(
      html`<div class="card warn"><h3 class="plain">Inputs that could not be read to the end</h3><ul class="list">${bad
        .slice(0, MAX_INPUTS)
        .map(
          (input) =>
            html`<li>${code(input.name, 120)} (${input.status}): ${network(input.message ?? 'no reason given', 400)}</li>`,
        )}${bad.length > MAX_INPUTS && html`<li>and ${humanCount(bad.length - MAX_INPUTS)} more</li>`}</ul></div>`,
    );
  }
  if (run.blindSpots.length > 0) {
    blocks.push(
      html`<div class="card"><h3 class="plain">Blind spots</h3><ul class="list">${run.blindSpots.map((sentence) => html`<li>${sentence}</li>`)}</ul></div>`,
    );
  }
  if (run.saturations.length > 0) {
    blocks.push(
      html`<div class="card"><h3 class="plain">Limits that were reached</h3><p class="note">Memory is bounded, whatever the traffic does. Where a limit was reached, new entries were refused and counted.</p><ul class="list">${run.saturations.map(
        ({ detector, what, cap, refused }) =>
          html`<li><span class="mono">${detector}</span>: ${what}, at most ${humanCount(cap)}; ${humanCount(refused)} refused</li>`,
      )}</ul></div>`,
    );
  }
  if (run.otherFrames.length > 0) {
    blocks.push(
      html`<div class="card"><h3 class="plain">Frames that belong to no flow</h3><p>${separated(
        run.otherFrames.slice(0, 40).map(({ kind, packets }) => html`${humanCount(packets)} ${network(kind, 40)}`),
        ', ',
      )}. They were counted, and no detector looked at them.</p></div>`,
    );
  }
  if (oddities.length > 0) {
    const more = oddities.length - MAX_ODDITIES;
    const caption = html`Oddities: what could not be understood, or is not as it should be.${more > 0 && ` ${humanCount(more)} more kinds are in incidents.json.`}`;
    blocks.push(
      cardTable(
        'oddities',
        'Oddities',
        oddities.slice(0, MAX_ODDITIES).map((oddity) => oddityRow(oddity, run.inputs.length > 1)),
        { right: [1], caption },
      ),
    );
  }
  if (blocks.length === 0)
    blocks.push(html`<p class="card">Everything that was given was read, and nothing in it was odd.</p>`);
  return html`<section id="not-seen" aria-labelledby="not-seen-h"><h2 id="not-seen-h">What could not be seen</h2>
${blocks}
</section>`;
}

function oddityRow(oddity: OdditySummary, manyInputs: boolean): Html {
  const { firstFrame, firstInput } = oddity;
  return html`
<tr><th scope="row" class="mono">${oddity.name}</th><td class="r">${humanCount(oddity.count)}</td><td><span>${oddity.meaning}</span></td><td>${
    firstFrame !== undefined &&
    html`<span>frame ${humanCount(firstFrame)}${manyInputs && firstInput !== undefined && html` of input ${firstInput}`}</span>`
  }</td></tr>`;
}

export function howMadeSection({ run }: AnalysisResult): Html {
  const { model } = run;
  const more = run.inputs.length - MAX_INPUTS;
  return html`<section id="how-made" aria-labelledby="how-made-h"><h2 id="how-made-h">How this was made</h2>
<dl class="card made">
<dt>Made by</dt><dd>${run.tool.name} ${run.tool.version}</dd>
<dt>Seed</dt><dd>${run.seed} <span class="note">The same inputs, version and seed give the same report, byte for byte.</span></dd>
<dt>Home network</dt><dd>${
    run.homeNet.length === 0
      ? 'none given'
      : separated(
          run.homeNet.slice(0, 40).map((prefix) => code(prefix, 60)),
          ', ',
        )
  }</dd>
${
  model === undefined
    ? html`<dt>Model</dt><dd>none; the detectors with written rules ran alone</dd>`
    : html`<dt>Model</dt><dd>${model.kind}</dd>
<dt>Fitted on</dt><dd>${network(model.fittedOn, 120)}, ${counted(model.rows, 'row')}</dd>
${model.learning !== undefined && html`<dt>Learning</dt><dd>went on over ${counted(model.learning.rows, 'row')}; ${humanCount(model.learning.leftOut)} left out as strange, fitted anew or rescaled ${counted(model.learning.refits, 'time')}</dd>`}
<dt>Features</dt><dd>${separated(
        model.features.map((feature) => code(feature, 60)),
        ', ',
      )}</dd>
<dt>Checksum</dt><dd>${code(model.checksum, 90)}</dd>`
}
</dl>
${cardTable('inputs', 'Inputs', run.inputs.slice(0, MAX_INPUTS).map(inputRow), { right: [2, 3], caption: html`Inputs, in the order given${more > 0 && `; ${humanCount(more)} more are in incidents.json`}.` })}
</section>`;
}

function inputRow(input: InputSummary, index: number): Html {
  const { firstMs, lastMs } = input;
  return html`
<tr><th scope="row"><span>${index + 1}. ${code(input.name, 120)}</span></th><td><span>${input.format}${input.compression !== '' && html`, ${input.compression}`}</span></td><td class="r">${humanBytes(input.bytes)}</td><td class="r">${humanCount(input.rows ?? input.packets)}</td><td>${firstMs !== undefined && lastMs !== undefined && html`<span>${span(firstMs, lastMs)}</span>`}</td><td>${input.status}</td></tr>`;
}
