import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type Range,
  type VirtualItem,
} from '@tanstack/virtual-core';

interface Options {
  count: number;
  sizeOf: (idx: number) => number;
  /** Height of what sticks to the top of the list, px. */
  head: number;
}

/** An element of the page, and the entry that it shows now. */
interface Slot {
  slot: number;
  item: VirtualItem;
}

const OVERSCAN = 4;

/** The entries of a long list that are on the page. Scrolling gives elements other entries: none is made and none removed. */
export class Virtual {
  slots = $state.raw<Slot[]>([]);
  height = $state(0);
  isScrolling = $state(false);
  #nSlots = 0;
  /** Where each slot stands among the elements of the page. */
  #ranks = new Map<number, number>();
  #virtualizer: Virtualizer<HTMLElement, HTMLElement> | undefined;

  /** Follows a scrolling element as long as the returned function is not called. */
  attach(element: HTMLElement, { count, sizeOf, head }: Options): () => void {
    this.#virtualizer = new Virtualizer<HTMLElement, HTMLElement>({
      ...this.#options(element, { count, sizeOf, head }),
    });
    const end = this.#virtualizer._didMount();
    this.#virtualizer._willUpdate();
    this.#look();
    return () => {
      end();
      this.#virtualizer = undefined;
    };
  }

  update(element: HTMLElement, options: Options): void {
    this.#virtualizer?.setOptions(this.#options(element, options));
    this.#virtualizer?.measure();
    this.#virtualizer?._willUpdate();
    this.#look();
  }

  reveal(idx: number): void {
    this.#virtualizer?.scrollToIndex(idx, { align: 'auto' });
  }

  #options(element: HTMLElement, { count, sizeOf, head }: Options) {
    return {
      count,
      getScrollElement: () => element,
      estimateSize: sizeOf,
      overscan: OVERSCAN,
      rangeExtractor: (range: Range) => this.#range(range),
      scrollPaddingStart: head,
      scrollMargin: head,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => this.#look(),
    };
  }

  /** As many entries each time, so that each slot has one. */
  #range({ startIndex, endIndex, overscan, count }: Range): number[] {
    const first = Math.max(0, startIndex - overscan);
    const last = Math.min(count - 1, Math.max(endIndex + overscan, first + this.#nSlots - 1));
    return Array.from({ length: last - first + 1 }, (_, idx) => first + idx);
  }

  #look(): void {
    const items = this.#virtualizer?.getVirtualItems() ?? [];
    this.#nSlots = Math.max(this.#nSlots, items.length);
    const isScrolling = this.#virtualizer?.isScrolling ?? false;
    const slots = items.map((item) => ({ slot: item.index % this.#nSlots, item }));
    // To move elements costs as much as to make them: they are put into the order of their entries when scrolling is over.
    if (isScrolling) {
      const rank = ({ slot }: Slot): number => this.#ranks.get(slot) ?? this.#nSlots;
      slots.sort((a, b) => rank(a) - rank(b));
    }
    this.#ranks = new Map(slots.map(({ slot }, idx) => [slot, idx]));
    this.slots = slots;
    this.isScrolling = isScrolling;
    this.height = this.#virtualizer?.getTotalSize() ?? 0;
  }
}
