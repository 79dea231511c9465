import type { LatticeConnection, Logger } from '@muster/lattice';

/**
 * Reads the state anew when told to, one reading at a time; what is told meanwhile is joined into one more. A reading
 * that fails closes the connection: without current state it must not pass for a working one.
 */
export function createRereader(options: {
  readonly connection: () => LatticeConnection | undefined;
  readonly read: (connection: LatticeConnection) => Promise<void>;
  readonly logger: Logger;
}): () => void {
  let isReading = false;
  let isWanted = false;
  const work = async (): Promise<void> => {
    isReading = true;
    for (; isWanted;) {
      isWanted = false;
      const connection = options.connection();
      if (connection === undefined) {
        break;
      }
      try {
        await options.read(connection);
      } catch (error) {
        if (options.connection() === connection) {
          options.logger.warn('lattice state not read again', { error });
          await connection.close();
        }
      }
    }
    isReading = false;
  };
  return () => {
    isWanted = true;
    if (!isReading) {
      void work();
    }
  };
}
