import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualItem,
} from '@tanstack/virtual-core';

interface Options {
  count: number;
  sizeOf: (idx: number) => number;
  /** Height of what sticks to the top of the list, px. */
  head: number;
}

/** The entries of a long list that are on the page. */
export class Virtual {
  items = $state.raw<VirtualItem[]>([]);
  height = $state(0);
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
      overscan: 6,
      scrollPaddingStart: head,
      scrollMargin: head,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => this.#look(),
    };
  }

  #look(): void {
    this.items = this.#virtualizer?.getVirtualItems() ?? [];
    this.height = this.#virtualizer?.getTotalSize() ?? 0;
  }
}
