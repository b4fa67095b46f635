-- oldest program: 0.1.0
-- Of the policies of zones, global now passes on what is written for clients of a zone's services. Their audience says so;
-- before, it said "all" of every one, and none was passed on. What bears the label without being one is found by the scrub.

update resources set audience = 'none', exposed = false
where origin <> '' and audience = 'all' and exists (select from store_head where role = 'global')
  and labels ->> 'kuma.io/policy-role' is distinct from 'producer'
  and type in (
    'MeshHTTPRoute', 'MeshTCPRoute', 'MeshAccessLog', 'MeshCircuitBreaker', 'MeshFaultInjection', 'MeshHealthCheck',
    'MeshLoadBalancingStrategy', 'MeshMetric', 'MeshPassthrough', 'MeshProxyPatch', 'MeshRateLimit', 'MeshRetry', 'MeshTLS',
    'MeshTimeout', 'MeshTrace', 'MeshTrafficPermission'
  );
