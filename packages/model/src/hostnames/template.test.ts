import { expect, test } from 'vitest'
import { compileTemplate, renderTemplate } from './template.js'

const fields = { Name: 'web-abc', DisplayName: 'web', Namespace: 'shop', Mesh: 'default', Zone: 'east' }
const labels: Readonly<Record<string, string>> = { app: 'web', 'a/b': 'c', empty: '' }

const render = (source: string): string => {
  const result = renderTemplate(compileTemplate(source), fields, (key) => labels[key])
  return result.outcome === 'rendered' ? result.text : `! ${result.reason}`
}

test.each([
  ['', ''],
  ['plain', 'plain'],
  ['{{ .DisplayName }}.svc.{{ .Zone }}.mesh.local', 'web.svc.east.mesh.local'],
  ['{{.Name}}{{.Namespace}}{{.Mesh}}', 'web-abcshopdefault'],
  ['{{ label "app" }}.{{ label `a/b` }}', 'web.c'],
  ['{{ "a/b" | label }}', 'c'],
  ['a {{- .Zone -}} b', 'aeastb'],
  ['a {{- /* no */ -}} b{{/* nor this */}}', 'ab'],
  ['{{ if .Namespace }}{{ .Namespace }}{{ else }}none{{ end }}', 'shop'],
  ['{{ if label "empty" }}a{{ else if eq .Mesh "other" "default" }}b{{ else }}c{{ end }}', 'b'],
  ['{{ if and .Name (not (label "empty")) }}{{ if ne .Mesh "x" }}yes{{ end }}{{ end }}', 'yes'],
  ['{{ or (label "empty") .Zone }}', 'east'],
  ['{{ printf "%s-%d%%%v" .Name 7 true }}', 'web-abc-7%true'],
  ['{{ .Name | printf "%s.%s" .Zone }}', 'east.web-abc'],
  ['{{ len .Name }}{{ true }}{{ -3 }}', '7true-3'],
  ['{{ print "a\\"b\\u0063" 1 }}', 'a"bc1'],
  // What Go says, word for word.
  ['{{ .Name', '! template: :1: unclosed action'],
  ['{{ nope }}', '! template: :1: function "nope" not defined'],
  [
    '{{ .Nope }}.x',
    '! template: :1:3: executing "" at <.Nope>: can\'t evaluate field Nope in type struct { Name string; DisplayName string; Namespace string; Mesh string; Zone string }',
  ],
  ['{{ label "no" }}', '! template: :1:3: executing "" at <label "no">: error calling label: label no not found'],
  ['a\n {{ label "no" }}', '! template: :2:4: executing "" at <label "no">: error calling label: label no not found'],
  // What Go can and this cannot.
  ['{{ index .Name 0 }}', '! template: :1: function "index" is not supported by Holdfast'],
  ['{{ range .Name }}{{ end }}', '! template: :1: {{range}} is not supported by Holdfast'],
  ['{{ $x := .Name }}', '! template: :1: a variable is not supported by Holdfast'],
  ['{{ . }}', '! template: :1: "." is not supported by Holdfast'],
  [
    '{{ printf "%x" 1 }}',
    '! template: :1:3: executing "" at <printf "%x" 1>: error calling printf: "%x" is not supported here or has no fitting argument',
  ],
  [`{{ ${'('.repeat(5000)}`, '! template: longer than 4096 characters'],
  // Mistakes.
  ['{{ }}', '! template: :1: missing value for command'],
  ['{{ if .Name }}', '! template: :1: unexpected EOF: {{if}} without {{end}}'],
  ['{{ if }}{{ end }}', '! template: :1: missing value for command'],
  ['{{ end }}', '! template: :1: unexpected {{end}}'],
  ['{{ else }}', '! template: :1: unexpected {{else}}'],
  ['{{ if .Name }}{{ else }}{{ else }}{{ end }}', '! template: :1: expected {{end}} after {{else}}'],
  ['{{ .Name .Zone }}', "! template: :1: can't give argument to non-function .Name"],
  ['{{ .Name | .Zone }}', '! template: :1: non executable command in pipeline: .Zone'],
  ['{{ (.Name }}', '! template: :1: unclosed left paren'],
  ['{{ .Name ) }}', '! template: :1: unexpected ")" in command'],
  ['{{ "a }}', '! template: :1: unterminated quoted string'],
  [
    '{{ eq .Name 1 }}',
    '! template: :1:3: executing "" at <eq .Name 1>: error calling eq: incompatible types for comparison',
  ],
])('%s', (source, expected) => {
  expect(render(source)).toBe(expected)
})
