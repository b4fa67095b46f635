import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'

// Loaded into a control plane before everything else (`--import`): `--cpu-prof` is none of the options that a process may be
// given by its environment. Begins at the first change of the measurement, told by a signal, and is written when it ends.
const folder = process.env.HOLDFAST_BENCH_PROFILE
if (folder !== undefined) {
  const session = new Session()
  session.connect()
  process.once('SIGUSR2', () => {
    session.post('Profiler.enable')
    session.post('Profiler.start')
  })
  process.once('exit', () => {
    // In the same process its answer comes before `post` returns.
    session.post('Profiler.stop', (error, said) => {
      if (error === null) writeFileSync(join(folder, `${process.pid}.cpuprofile`), JSON.stringify(said.profile))
    })
  })
}
