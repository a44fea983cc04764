import type { TableClient } from '@azure/data-tables';
import type { Checkpoint, CheckpointStore, PartitionOwnership } from '@azure/event-hubs';

const TABLE_EXISTS = 409;
const NOT_FOUND = 404;

/**
 * How far the partitions were read, in a table. Azure's host has blobs for it, and for who reads
 * which partition; here there is one host, which reads all of them.
 */
export class TableCheckpoints implements CheckpointStore {
  readonly #table: TableClient;
  #created: Promise<void> | undefined;

  constructor(table: TableClient) {
    this.#table = table;
  }

  async listOwnership(): Promise<PartitionOwnership[]> {
    return [];
  }

  async claimOwnership(claims: PartitionOwnership[]): Promise<PartitionOwnership[]> {
    return claims;
  }

  async listCheckpoints(
    fullyQualifiedNamespace: string,
    eventHubName: string,
    consumerGroup: string,
  ): Promise<Checkpoint[]> {
    await this.#create();
    const source = { fullyQualifiedNamespace, eventHubName, consumerGroup };
    const filter = `PartitionKey eq '${keyOf(source).replaceAll("'", "''")}'`;
    const checkpoints: Checkpoint[] = [];
    const rows = this.#table.listEntities<{ sequenceNumber: string; offset: string }>({
      queryOptions: { filter },
    });
    for await (const { rowKey = '', sequenceNumber, offset } of rows) {
      checkpoints.push({
        ...source,
        partitionId: rowKey,
        sequenceNumber: Number(sequenceNumber),
        offset,
      });
    }
    return checkpoints;
  }

  async updateCheckpoint(checkpoint: Checkpoint): Promise<void> {
    await this.#create();
    await this.#table.upsertEntity(
      {
        partitionKey: keyOf(checkpoint),
        rowKey: checkpoint.partitionId,
        sequenceNumber: String(checkpoint.sequenceNumber),
        offset: checkpoint.offset,
      },
      'Replace',
    );
  }

  /** Of a partition that begins anew, as after a hub was replaced. */
  async forget(source: Omit<Checkpoint, 'sequenceNumber' | 'offset'>): Promise<void> {
    await this.#table
      .deleteEntity(keyOf(source), source.partitionId)
      .catch(unlessStatus(NOT_FOUND));
  }

  #create(): Promise<void> {
    this.#created ??= this.#table
      .createTable()
      .catch(unlessStatus(TABLE_EXISTS))
      .catch((error: unknown) => {
        this.#created = undefined;
        throw error;
      });
    return this.#created;
  }
}

/** A key of a table holds no slash. */
function keyOf(source: {
  readonly fullyQualifiedNamespace: string;
  readonly eventHubName: string;
  readonly consumerGroup: string;
}): string {
  const { fullyQualifiedNamespace, eventHubName, consumerGroup } = source;
  return [fullyQualifiedNamespace, eventHubName, consumerGroup]
    .map((part) => part.toLowerCase().replaceAll(/[/\\#?|]/g, '_'))
    .join('|');
}

function unlessStatus(status: number): (error: unknown) => void {
  return (error) => {
    if (typeof error === 'object' && error !== null && 'statusCode' in error)
      if (error.statusCode === status) return;
    throw error;
  };
}
