import { accepted, parseScaleComponent } from '@muster/lattice';
import type { ScaleComponent } from '@muster/lattice';
import { checkId } from './ids.ts';
import type { ControlOperation } from './operation.ts';

/** Accepts at once; the outcome comes as `component_scaled` or `component_scale_failed`. */
export const componentScaleOperation: ControlOperation = {
  name: 'component.scale',
  target: 'host',
  malformed: 'failed to deserialize component scale command',
  run(context, body) {
    const command = parseScaleComponent(body);
    checkId('component id', command.component_id);
    const present = context.components.get(command.component_id)?.plan.reference;
    return {
      reply: accepted(remark(command, present)),
      after: () => void context.components.scale(command),
    };
  },
};

/** v1's words when the id runs from another reference. */
function remark(command: ScaleComponent, present: string | undefined): string {
  if (present === undefined || present === command.component_ref) {
    return '';
  }
  const references = `${present} != ${command.component_ref}`;
  return command.allow_update
    ? `Requested to scale existing component, with a changed image reference: ${references}. The component will be scaled, and the image reference will be updated afterwards.`
    : `Requested to scale existing component to a different image reference: ${references}. The component will be scaled but the image reference will not be updated. If you meant to update this component to a new image ref, use the update command.`;
}
