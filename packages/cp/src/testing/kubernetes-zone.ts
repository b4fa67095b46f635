import {
  displayNameLabel,
  envLabel,
  exportName,
  headlessLabel,
  type KumaResourceParts,
  managedByLabel,
  meshLabel,
  namespaceLabel,
  originLabel,
  policyRoleLabel,
  proxyTypeLabel,
  serviceNameLabel,
  typeOf,
  utf8,
  zoneLabel,
} from '@holdfast/model'

/** Inbound 8080 of `web_shop_svc_80`, http, at 10.244.0.9. */
const dataplane =
  '0a4f0a4112220a0f6b756d612e696f2f73657276696365120f7765625f73686f705f7376635f383012180a106b756d612e696f2f70726f746f636f6c12046874747018903f2a0a31302e3234342e302e39'

type Labels = Readonly<Record<string, string>>

/**
 * What a Kuma zone in Kubernetes sends, with the names and labels that its store, its controllers and its admission give
 * (byte for byte what that code of 2.14.3 makes when it is called, but for the one that is forged): everything lives in a namespace, says so, and has it in its name; display names are
 * there from the start.
 */
export function kubernetesZone(zone: string): readonly (readonly [type: string, parts: KumaResourceParts])[] {
  const sent = (
    type: string,
    name: string,
    namespace: string,
    more: Labels,
    spec: Uint8Array,
    status?: string,
  ): readonly [string, KumaResourceParts] => {
    const { scope, encoding } = typeOf(type)
    const mesh = scope === 'mesh' ? 'default' : ''
    const labels = {
      [displayNameLabel]: name,
      [envLabel]: 'kubernetes',
      [namespaceLabel]: namespace,
      [originLabel]: 'zone',
      [zoneLabel]: zone,
      ...(mesh === '' ? {} : { [meshLabel]: mesh }),
      ...more,
    }
    return [
      type,
      {
        name: exportName(typeOf(type), mesh, name, labels),
        mesh,
        labels,
        typeUrl: encoding.kind === 'protobuf' ? encoding.typeUrl : '',
        spec,
        ...(status === undefined ? {} : { status: utf8(status) }),
      },
    ]
  }
  const json = (spec: object): Uint8Array => utf8(JSON.stringify(spec))
  const service = (name: string, namespace: string, more: Labels = {}) =>
    sent(
      'MeshService',
      name,
      namespace,
      {
        app: name,
        [headlessLabel]: 'false',
        [serviceNameLabel]: name,
        [managedByLabel]: 'k8s-controller',
        ...more,
      },
      json({
        state: 'Available',
        selector: { dataplaneLabels: { matchLabels: { app: name, [namespaceLabel]: namespace } } },
        ports: [{ name: 'http', port: 80, targetPort: 8080, appProtocol: 'http' }],
      }),
      '{"vips":[{"ip":"10.96.0.7"}],"tls":{"status":"NotReady"},"dataplaneProxies":{"total":1}}',
    )
  const policy = (type: string, name: string, namespace: string, role: string, targetRef: object) =>
    sent(
      type,
      name,
      namespace,
      { [policyRoleLabel]: role },
      json({ targetRef: { kind: 'Mesh' }, to: [{ targetRef, default: { connectionTimeout: '7s' } }] }),
    )
  const web = { kind: 'MeshService', name: 'web' }
  return [
    service('web', 'shop'),
    // The same name in another namespace is another service.
    service('web', 'bank'),
    // One pod of a headless service.
    service('db-7b4d9c6f5d', 'shop', {
      app: 'db',
      [headlessLabel]: 'true',
      [serviceNameLabel]: 'db',
      'statefulset.kubernetes.io/pod-name': 'db-0',
      'apps.kubernetes.io/pod-index': '0',
    }),
    policy('MeshTimeout', 'to-web', 'shop', 'producer', web),
    policy('MeshTimeout', 'to-web-here', 'shop', 'producer', { ...web, namespace: 'shop', sectionName: 'http' }),
    policy('MeshTimeout', 'from-shop', 'shop', 'consumer', { ...web, namespace: 'bank' }),
    policy('MeshTimeout', 'of-everybody', 'shop', 'consumer', { kind: 'Mesh' }),
    policy('MeshTimeout', 'of-the-system', 'kuma-system', 'system', { kind: 'Mesh' }),
    // It says what it is not: a zone whose admission is switched off.
    policy('MeshTimeout', 'forged', 'shop', 'producer', { kind: 'Mesh' }),
    sent(
      'MeshHTTPRoute',
      'to-web',
      'shop',
      { [policyRoleLabel]: 'producer' },
      json({
        targetRef: { kind: 'Mesh' },
        to: [
          {
            targetRef: web,
            rules: [
              {
                matches: [{ path: { value: '/', type: 'PathPrefix' } }],
                default: { backendRefs: [{ kind: 'MeshService', name: 'web', weight: 1, port: 80 }] },
              },
            ],
          },
        ],
      }),
    ),
    sent(
      'Dataplane',
      'web-5f7c9d-x2lq4',
      'shop',
      { app: 'web', [proxyTypeLabel]: 'sidecar', 'k8s.kuma.io/service-account': 'web' },
      Buffer.from(dataplane, 'hex'),
    ),
    sent(
      'HostnameGenerator',
      'local-mesh-external-service',
      'kuma-system',
      {},
      json({
        selector: { meshExternalService: { matchLabels: { [originLabel]: 'zone' } } },
        template: '{{ .DisplayName }}.extsvc.mesh.local',
      }),
    ),
    sent(
      'MeshExternalService',
      'billing',
      'kuma-system',
      {},
      json({
        match: { type: 'HostnameGenerator', port: 443, protocol: 'tcp' },
        endpoints: [{ address: 'billing.example.com', port: 443 }],
      }),
    ),
  ]
}
