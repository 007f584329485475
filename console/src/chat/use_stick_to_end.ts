import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from 'react';

// Nearer than this to the end counts as "at the end".
const kNearEndPx = 48;

// Keeps a scroll box at its end while an answer grows (`following`), until the user scrolls away; a
// new `question` brings it back. What the user unfolds or edits later moves nothing.
export function useStickToEnd(
  box: RefObject<HTMLElement | null>,
  question: string | undefined,
  following: boolean,
) {
  const [atEnd, setAtEnd] = useState(true);
  const stuck = useRef(true);

  const scrollToEnd = useCallback(() => {
    const element = box.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
    stuck.current = true;
    setAtEnd(true);
  }, [box]);

  useLayoutEffect(scrollToEnd, [scrollToEnd, question]);
  // The last lines come with the end of the answer.
  useLayoutEffect(() => {
    if (stuck.current) scrollToEnd();
  }, [scrollToEnd, following]);

  useEffect(() => {
    const element = box.current;
    const content = element?.firstElementChild;
    if (element === null || !content) return;
    let lastTop = element.scrollTop;
    const near = () => element.scrollHeight - element.scrollTop - element.clientHeight < kNearEndPx;
    const onScroll = () => {
      // Only a move up, which the user makes, lets go; growth alone never does.
      if (element.scrollTop < lastTop - 1) stuck.current = near();
      else if (near()) stuck.current = true;
      lastTop = element.scrollTop;
      setAtEnd(near());
    };
    const observer = new ResizeObserver(() => {
      if (following && stuck.current) element.scrollTop = element.scrollHeight;
      setAtEnd(near());
    });
    element.addEventListener('scroll', onScroll, { passive: true });
    observer.observe(content);
    observer.observe(element);
    return () => {
      element.removeEventListener('scroll', onScroll);
      observer.disconnect();
    };
  }, [box, following]);

  return { atEnd, scrollToEnd };
}
