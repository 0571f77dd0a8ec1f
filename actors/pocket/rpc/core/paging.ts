import { CodedError } from '../../../../runtime/errors.ts';

export interface Page {
  readonly offset: number;
  readonly total_pages: number;
}

/** Where a page begins. No items at all is one empty page. @throws PAGE_NOT_FOUND */
export function pageOf(page: number, perPage: number, total: number): Page {
  const total_pages = Math.max(1, Math.ceil(total / perPage));
  if (page > total_pages) {
    throw new CodedError('PAGE_NOT_FOUND', `page ${page} lies beyond the last page, ${total_pages}`, { total_pages });
  }
  return { offset: (page - 1) * perPage, total_pages };
}
