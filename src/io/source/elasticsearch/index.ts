/** What a query of Elasticsearch or OpenSearch finds, as flows or as a table. */

export { looksLikeEcs } from './ecs.ts';
export type { SearchOptions, SearchSource, SearchStatistics } from './option.ts';
export { openSearchQuery } from './search.ts';
