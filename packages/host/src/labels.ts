const architectures: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'x86' };
const systems: Readonly<Record<string, string>> = { darwin: 'macos', win32: 'windows' };

/** The labels that v1 gives every host, under the operator's own, which win. */
export function hostLabels(
  own: Readonly<Record<string, string>>,
  machine: { readonly arch: string; readonly platform: string } = process,
): Record<string, string> {
  const labels: Record<string, string> = {
    'hostcore.arch': architectures[machine.arch] ?? machine.arch,
    'hostcore.os': systems[machine.platform] ?? machine.platform,
    'hostcore.osfamily': machine.platform === 'win32' ? 'windows' : 'unix',
    ...own,
  };
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
