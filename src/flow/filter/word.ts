import type { NameExpression, Span } from '../../core/index.ts';
import { parseAddress } from '../../wire/index.ts';
import { isMissing } from './comparison.ts';
import type { Compiler } from './compiler.ts';
import { type Condition, negated, texts } from './condition.ts';
import { flowWord, nearestWord, type WordMeaning } from './field.ts';

/** Words that are conditions by themselves: protocols, services, directions, groups of addresses. */

export function wordCondition(compiler: Compiler, node: NameExpression): Condition {
  const meaning = flowWord(node.name);
  if (meaning === undefined) {
    if (node.name.toLowerCase() === 'home')
      compiler.fail(
        node.span,
        "'home' is a set of addresses",
        "for example 'src in home', 'not dst in home', 'internal'",
      );
    const near = nearestWord(node.name);
    compiler.fail(
      node.span,
      `'${node.name}' is no protocol, service, field or other word that is known here`,
      near === undefined
        ? 'anomalyst fields --filter lists them; for a service that is not on the list: service == "name"'
        : `did you mean '${near}'?`,
    );
  }
  return meaningOf(compiler, meaning, node.span);
}

function meaningOf(compiler: Compiler, meaning: WordMeaning, span: Span): Condition {
  switch (meaning.kind) {
    case 'value': {
      const { value } = meaning;
      return texts(meaning.column, (text) => text.toLowerCase() === value);
    }
    case 'field':
      return negated(isMissing(compiler, { kind: 'name', name: meaning.field.name, span }));
    case 'family': {
      const { family } = meaning;
      const fits = texts('initiator', (text) => {
        const address = parseAddress(text);
        return address !== undefined && address.isV6 === (family === 6);
      });
      const arp = texts('protocol', (text) => text === 'arp');
      return (table) => {
        const isAddress = fits(table);
        const isArp = arp(table);
        return (row) => isAddress(row) && !isArp(row);
      };
    }
    case 'direction': {
      const { from, to } = meaning;
      const isHome = (text: string): boolean => compiler.home.has(text);
      const source = texts('initiator', (text) => isHome(text) === from);
      const target = texts('responder', (text) => isHome(text) === to);
      return (table) => {
        const a = source(table);
        const b = target(table);
        return (row) => a(row) && b(row);
      };
    }
    case 'group': {
      const wanted = meaning.group;
      return texts('responder', (text) => groupOf(text) === wanted);
    }
  }
}

/** Multicast (224.0.0.0/4, ff00::/8), or broadcast as far as an address shows it: 255.255.255.255 and a host part of all ones in /24. */
function groupOf(text: string): 'multicast' | 'broadcast' | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  const [word] = address.words;
  if (address.isV6) return word >>> 24 === 0xff ? 'multicast' : undefined;
  if (word >>> 28 === 0xe) return 'multicast';
  return (word & 0xff) === 0xff ? 'broadcast' : undefined;
}
