{{- define "holdfast.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "holdfast.globalName" -}}
{{- printf "%s-global" (include "holdfast.fullname" .) -}}
{{- end -}}

{{- define "holdfast.zoneName" -}}
{{- printf "%s-zone" (include "holdfast.fullname" .) -}}
{{- end -}}

{{- define "holdfast.selector" -}}
app.kubernetes.io/name: holdfast
app.kubernetes.io/instance: {{ .context.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "holdfast.labels" -}}
{{ include "holdfast.selector" . }}
app.kubernetes.io/version: {{ .context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .context.Chart.Name .context.Chart.Version }}
{{- end -}}

{{- define "holdfast.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end -}}
{{- end -}}

{{- define "holdfast.podAnnotations" -}}
{{- if .context.Values.metrics.scrapeAnnotations -}}
prometheus.io/scrape: "true"
prometheus.io/port: "5680"
{{ end -}}
{{- with .plane.podAnnotations -}}
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{- /* What both kinds of pod have: nobody, nothing to write but its data, no token of the cluster. */ -}}
{{- define "holdfast.podSecurity" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "holdfast.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{- define "holdfast.probes" -}}
startupProbe: { httpGet: { path: /healthy, port: diagnostics }, periodSeconds: 2, failureThreshold: 60 }
livenessProbe: { httpGet: { path: /healthy, port: diagnostics }, periodSeconds: 10, failureThreshold: 3 }
readinessProbe: { httpGet: { path: /ready, port: diagnostics }, periodSeconds: 2, failureThreshold: 1 }
{{- end -}}

{{- /* Longer than the wait of preStop and the bound of a stop together. */ -}}
{{- define "holdfast.graceSeconds" -}}
{{- add .preStopSleepSeconds (div (add .shutdownTimeoutMs 999) 1000) 15 -}}
{{- end -}}

{{- define "holdfast.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Settings that both roles have. */ -}}
{{- define "holdfast.commonEnv" -}}
- name: HOLDFAST_DATABASE_URL
  valueFrom: { secretKeyRef: { name: {{ .plane.database.existingSecret | quote }}, key: {{ .plane.database.key | quote }} } }
{{- if .plane.redis.existingSecret }}
- name: HOLDFAST_REDIS_URL
  valueFrom: { secretKeyRef: { name: {{ .plane.redis.existingSecret | quote }}, key: {{ .plane.redis.key | quote }} } }
{{- end }}
{{- if .plane.secretsKey.existingSecret }}
- { name: HOLDFAST_SECRETS_KEY_FILE, value: "/etc/holdfast/secrets-key/{{ .plane.secretsKey.key }}" }
{{- end }}
- { name: HOLDFAST_DIAGNOSTICS_ADDRESS, value: "0.0.0.0" }
- { name: HOLDFAST_LOG_LEVEL, value: {{ .context.Values.logLevel }} }
- { name: HOLDFAST_SHUTDOWN_TIMEOUT_MS, value: {{ .plane.shutdownTimeoutMs | int | quote }} }
{{- with .context.Values.tracing }}
{{- if .otlpEndpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .otlpEndpoint | quote }} }
- { name: OTEL_TRACES_SAMPLER, value: parentbased_traceidratio }
- { name: OTEL_TRACES_SAMPLER_ARG, value: {{ .sampleRatio | quote }} }
{{- end }}
{{- end }}
{{- with .plane.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
