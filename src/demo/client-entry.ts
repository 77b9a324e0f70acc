// What the provider's clients file would say about the demo client: RFC 7591 names, and keys of our own.

/**
 * It names no `scope`, so it may ask for every one there is: also for those that only an operator's policy knows.
 *
 * @param settings.url where the demo client listens: its redirect addresses contain the port
 */
export function demoClients(settings: { readonly url: string; readonly clientSecret: string }): object[] {
  return [
    {
      client_id: 'demo',
      client_secret: settings.clientSecret,
      client_name: 'Demo client',
      client_uri: settings.url,
      redirect_uris: [`${settings.url}/callback`],
      post_logout_redirect_uris: [`${settings.url}/signed-out`],
      backchannel_logout_uri: `${settings.url}/backchannel-logout`,
      backchannel_logout_session_required: true,
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
      first_party: false,
    },
  ];
}
