import process from 'node:process';

// An import of node:http makes an object with all that it exports, for which Node.js loads its client of the Web as well (fetch, HTTP/2): 3 MB that no command but those that speak HTTP needs.

/** node:http, loaded when it is asked for. */
export const http = () => process.getBuiltinModule('node:http');

/** node:https, loaded when it is asked for. */
export const https = () => process.getBuiltinModule('node:https');
