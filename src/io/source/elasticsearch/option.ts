import type { Timing } from '../../timing.ts';
import type { JsonObject } from '../record/index.ts';
import type { Reject, TableSource } from '../table-source.ts';

/** What a search is told, and what it tells. */

export interface SearchOptions {
  /** As in https://localhost:9200, with a path where the engine stands behind one. */
  readonly url: string;
  /** Name, names by commas, or pattern: 'packetbeat-*'. */
  readonly index: string;
  /** Lucene's query string, or the JSON of a query (Query DSL) as an object or text that begins with a brace. Everything by default. */
  readonly query?: string | JsonObject | undefined;
  /** Earliest time, and the first that is too late: epoch ms, or a date that the engine knows ('2024-05-01', 'now-1h'). */
  readonly from?: number | string | undefined;
  readonly to?: number | string | undefined;
  /** Default '@timestamp'. */
  readonly timeField?: string | undefined;
  /** Hits of a page, 1 to 10,000. Default 1,000. */
  readonly size?: number | undefined;
  /** Ends after so many hits. */
  readonly maxRows?: number | undefined;
  /** 'auto' maps to flows where most hits of the first page have source.ip and destination.ip. */
  readonly as?: 'auto' | 'flows' | 'records' | undefined;
  /** The environment, for ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD. Default the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Attempts of one request. Default 5. */
  readonly attempts?: number | undefined;
  readonly timeoutMs?: number | undefined;
  /** Larger answers are asked for in smaller pages. Default 128 MiB. */
  readonly maxAnswerBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onReject?: ((reject: Reject) => void) | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
  readonly timing?: Timing | undefined;
}

export interface SearchStatistics {
  /** Hits that the engine counted for the query; undefined where it did not say. */
  readonly total: number | undefined;
  readonly requests: number;
  readonly retries: number;
  /** Times that the engine had forgotten where we were, and the search was taken up again. */
  readonly resumed: number;
  readonly failedShards: number;
  /** Values for columns or keys that the first page did not have. */
  readonly lateValues: number;
  readonly paging: 'pit' | 'scroll';
}

export interface SearchSource extends TableSource {
  statistics(): SearchStatistics;
}
