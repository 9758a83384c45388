import { expect, it } from 'vitest';
import { bindFlows, flowTable } from '../flow/index.ts';
import { takesLogin, WebLogins } from './web-login.ts';

it.each([
  'POST /login',
  'POST /wp-login.php',
  'POST /user/login?destination=/home',
  'POST /accounts/login/',
  'POST /index.php?route=account/login',
  'POST /index.php?action=login&lang=en',
  'POST /owa/auth.owa',
  'POST /users/sign_in',
  'PUT /rest/auth/1/session',
  'POST /app/j_security_check;jsessionid=1A',
  'POST http://intranet.example/Account/LogOn.aspx',
  'POST /login_check',
])('%s takes a login', (request) => {
  expect(takesLogin(request)).toBe(true);
});

it.each([
  'GET /login',
  'POST /',
  'POST /ocsp',
  'POST /ipp/print',
  'POST /wsman',
  'POST /api/v1/auth/refresh',
  'POST /oauth/token',
  'POST /login/heartbeat',
  'POST /catalogin',
  'POST /author',
  'POST /blog/logins-of-2024',
  'HEAD /auth',
  '',
])('%s takes none', (request) => {
  expect(takesLogin(request)).toBe(false);
});

it('refused credentials are a login whatever was asked for, and the first 401 of a browser is none', () => {
  const web = new WebLogins(
    bindFlows(
      flowTable([
        { service: 'http', httpRequest: 'GET /private', httpStatus: 401, login: 'refused' },
        { service: 'http', httpRequest: 'GET /private', httpStatus: 401 },
        { service: 'http', httpRequest: 'POST /login', httpStatus: 200 },
        { service: 'tls', httpRequest: 'POST /login', httpStatus: 200 },
        { service: 'http', httpRequest: 'POST /login', httpStatus: 403 },
        {},
      ]),
    ),
  );
  expect([0, 1, 2, 3, 4, 5].map((row) => web.isLogin(row))).toEqual([true, false, true, false, true, false]);
  expect([0, 2, 4, 5].map((row) => web.isRefused(row))).toEqual([true, false, true, false]);
});
