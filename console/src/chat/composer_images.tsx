import { CloseOutlined, PictureOutlined } from '@ant-design/icons';
import { useRef, useState } from 'react';
import { useI18n } from '../i18n/i18n_context';
import { IconButton } from '../layout/icon_button';
import {
  imageProblemOf,
  kImageBytesMax,
  kImagesMax,
  kImageTypes,
  readAsDataUrl,
  type ImageProblem,
} from './image_input';

// The images of the message that is being written.
export function useImages() {
  const { text, format } = useI18n();
  const [urls, setUrls] = useState<readonly string[]>([]);
  const [problem, setProblem] = useState<ImageProblem | null>(null);
  const words: Readonly<Record<ImageProblem, string>> = {
    wrongType: text.imageWrongType,
    tooLarge: text.imageTooLarge(format.bytes(kImageBytesMax)),
    tooMany: text.imageTooMany(kImagesMax),
  };
  return {
    urls,
    problem: problem === null ? null : words[problem],
    forgive: () => setProblem(null),
    clear: () => {
      setUrls([]);
      setProblem(null);
    },
    remove: (index: number) => setUrls((old) => old.filter((_, i) => i !== index)),
    add: (list: FileList) => {
      const files = Array.from(list);
      const found = imageProblemOf(files, urls.length);
      setProblem(found);
      if (found !== null) return;
      Promise.all(files.map(readAsDataUrl)).then(
        (added) => setUrls((old) => [...old, ...added].slice(0, kImagesMax)),
        () => setProblem('wrongType'),
      );
    },
  };
}

export function AttachButton({ onFiles }: { onFiles: (files: FileList) => void }) {
  const { text } = useI18n();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <IconButton
        label={text.attachImage}
        icon={<PictureOutlined />}
        size="middle"
        onClick={() => input.current?.click()}
      />
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={kImageTypes.join(',')}
        onChange={(event) => {
          if (event.target.files?.length) onFiles(event.target.files);
          event.target.value = '';
        }}
      />
    </>
  );
}

interface ImageStripProps {
  readonly urls: readonly string[];
  readonly onRemove: (index: number) => void;
}

export function ImageStrip({ urls, onRemove }: ImageStripProps) {
  const { text } = useI18n();
  return (
    <ul className="image-strip">
      {urls.map((url, i) => (
        <li key={i}>
          <img src={url} alt={text.imageAlt} />
          <IconButton
            label={text.removeImage}
            icon={<CloseOutlined />}
            onClick={() => onRemove(i)}
          />
        </li>
      ))}
    </ul>
  );
}
