import { counted, humanBytes, humanCount } from '../core/index.ts';
import { type DeviceSummary, timesOfAddresses } from './device-summary.ts';
import { type Html, html } from './escape.ts';
import { cardTable, code, network, separated } from './html-part.ts';
import type { AnalysisResult } from './result.ts';
import { clock, sameDay, timeOfDay } from './words.ts';

/** The inventory: what stands in the home network, by its own word and by what it did. */

const MAX_SHOWN = 100;

/** Undefined where no device was looked for, or none was seen. */
export function devicesSection({ devices, deviceCount }: AnalysisResult): Html | undefined {
  if (devices === undefined || devices.length === 0) return undefined;
  const shown = devices.slice(0, MAX_SHOWN);
  const more = (deviceCount ?? devices.length) - shown.length;
  const judged = devices.some(({ baseline }) => baseline !== undefined);
  const caption = html`${counted(shown.length, 'device')} of the home network, by address${more > 0 && `; ${humanCount(more)} more are in incidents.json or were only counted`}. Roles are guesses; their reasons stand below them.`;
  return html`<section id="devices" aria-labelledby="devices-h"><h2 id="devices-h">Devices</h2>
${cardTable(
  'devices',
  'Devices',
  shown.map((device) => deviceRow(device, judged)),
  { caption },
)}
</section>`;
}

const KIND_WORDS: Readonly<Record<string, string>> = {
  virtual: 'virtual',
  derived: 'second address of a device',
  randomised: 'made-up address',
};

function deviceRow(device: DeviceSummary, judged: boolean): Html {
  const { mac, macKind, macOrigin, vendor, addresses, names, roles, offers, uses, joined, behind, baseline } = device;
  const [name] = names;
  const kind = KIND_WORDS[macKind ?? ''];
  const hardware =
    mac === undefined
      ? html`<small>no hardware address${behind !== undefined && html`; behind ${code(behind, 17)}`}</small>`
      : html`${code(mac, 17)}${(vendor !== undefined || kind !== undefined) && html`<br>`}${vendor !== undefined && network(vendor, 60)}${
          kind !== undefined && html` <span class="tag">${kind}</span>`
        }${macOrigin !== undefined && html` <small>${network(macOrigin, 40)}</small>`}`;
  const times = timesOfAddresses(device);
  const shown = addresses
    .slice(0, 4)
    .map(({ address }, i) => html`${code(address, 45)}${times[i] !== '' && html` <small>${times[i]}</small>`}`);
  const first =
    name === undefined
      ? html`<span>${shown[0] ?? (mac === undefined ? 'unknown' : code(mac, 17))}</span>`
      : html`<span>${network(name.name, 60)}<small>${name.source}</small></span>`;
  const rest = name === undefined ? shown.slice(1) : shown;
  const [role, ...others] = roles;
  return html`
<tr><th scope="row">${first}</th>${cell(
    rest.length > 0 &&
      html`${separated(rest, html`<br>`)}${addresses.length > 4 && html`<small>and ${humanCount(addresses.length - 4)} more</small>`}`,
  )}<td><span>${hardware}${
    joined.length > 0 &&
    html`<small>before that ${separated(
      joined.slice(0, 4).map((one) => code(one.mac, 17)),
      ', ',
    )}: ${separated(joined[0]?.evidence ?? [], ' ')}</small>`
  }</span></td>${cell(role !== undefined && html`${role.role}${others.length > 0 && `, ${others.map((one) => one.role).join(', ')}`}<small>${separated(role.reasons.slice(0, 3), ' ')}</small>`)}${cell(
    offers.length + uses.length > 0 &&
      html`${
        offers.length > 0 &&
        html`offers ${separated(
          offers.slice(0, 8).map((text) => html`<span class="tag">${network(text, 30)}</span>`),
          ' ',
        )}`
      }${offers.length > 0 && uses.length > 0 && html`<br>`}${uses.length > 0 && html`uses ${network(uses.slice(0, 8).join(', '), 120)}`}`,
  )}<td><span>${seen(device)}<small>${counted(device.flows, 'flow')}${device.bytes > 0 && `, ${humanBytes(device.bytes)}`}</small>${
    judged && html`<small>${standing(baseline)}</small>`
  }</span></td></tr>`;
}

/** A cell without anything in it is left out where the table is shown as cards. */
function cell(content: Html | false): Html {
  return content === false ? html`<td></td>` : html`<td><span>${content}</span></td>`;
}

function seen({ firstMs, lastMs }: DeviceSummary): Html {
  if (!Number.isFinite(firstMs) || !Number.isFinite(lastMs)) return html`at an unknown time`;
  return sameDay(firstMs, lastMs)
    ? html`<span class="nb">${timeOfDay(firstMs)} to ${timeOfDay(lastMs)}</span>`
    : html`${clock(firstMs)} to ${clock(lastMs)}`;
}

function standing(baseline: DeviceSummary['baseline']): Html {
  if (baseline === undefined || baseline.standing === 'unknown') return html`not in the baseline`;
  const { standing: how, name, owner } = baseline;
  const words = how === 'approved' ? 'known as' : how === 'expired' ? 'expired:' : 'only proposed:';
  return html`${words} ${network(name ?? '', 60)}${owner !== undefined && html`, ${network(owner, 60)}`}`;
}
