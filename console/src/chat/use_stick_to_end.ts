import { useCallback, useEffect, useLayoutEffect, useState, type RefObject } from 'react';

// Nearer than this to the end counts as "at the end".
const kNearEndPx = 48;

// Keeps a scroll box at its end while its content grows, until the user scrolls away; a new
// `question` brings it back.
export function useStickToEnd(box: RefObject<HTMLElement | null>, question: string | undefined) {
  const [atEnd, setAtEnd] = useState(true);

  const scrollToEnd = useCallback(() => {
    const element = box.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
    setAtEnd(true);
  }, [box]);

  useLayoutEffect(scrollToEnd, [scrollToEnd, question]);

  useEffect(() => {
    const element = box.current;
    const content = element?.firstElementChild;
    if (element === null || !content) return;
    let stuck = true;
    let lastTop = element.scrollTop;
    const near = () => element.scrollHeight - element.scrollTop - element.clientHeight < kNearEndPx;
    const onScroll = () => {
      // Only a move up, which the user makes, lets go; growth alone never does.
      if (element.scrollTop < lastTop - 1) stuck = near();
      else if (near()) stuck = true;
      lastTop = element.scrollTop;
      setAtEnd(stuck || near());
    };
    const observer = new ResizeObserver(() => {
      if (stuck) element.scrollTop = element.scrollHeight;
      else setAtEnd(near());
    });
    element.addEventListener('scroll', onScroll, { passive: true });
    observer.observe(content);
    observer.observe(element);
    return () => {
      element.removeEventListener('scroll', onScroll);
      observer.disconnect();
    };
  }, [box]);

  return { atEnd, scrollToEnd };
}
